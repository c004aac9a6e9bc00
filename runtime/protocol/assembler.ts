import { formatShape, sameShape } from '../tensor';
import { ProtocolError } from './error';
import { bytesPerValue, describeAddress, tensorBytes } from './frame';
import type { Frame, TensorAddress, WireTensor } from './frame';

/** Enough for any activation of a ResNet at 224x224; what a wrong header can make us allocate. */
export const defaultMaxTensorBytes = 1024 * 1024 * 1024;

type Header = Omit<Frame, 'payload'>;

interface Unfinished {
  readonly header: Header;
  readonly bytes: Uint8Array<ArrayBuffer>;
  filledBytes: number;
}

/**
 * Puts the chunks of one traffic class together. The chunks of a tensor come in order and without
 * those of another in between, so that at most one tensor is unfinished.
 */
export class Assembler {
  readonly #maxTensorBytes: number;
  #unfinished: Unfinished | undefined;

  constructor(maxTensorBytes: number) {
    this.#maxTensorBytes = maxTensorBytes;
  }

  /**
   * The tensor that this chunk completes, if it does. A tensor of one chunk is a view of the
   * message where that is aligned; every other one is copied once into memory of its own.
   *
   * Throws ProtocolError: `bad-chunk` for a chunk that is missing, doubled or at odds with the
   * ones before, `oversize` for a tensor above the limit.
   */
  add({ payload, ...header }: Frame): WireTensor | undefined {
    const totalBytes = tensorBytes(header);
    const unfinished = this.#unfinished;
    if (unfinished) expectSameTensor(unfinished.header, header);
    expectOffset(header, unfinished?.filledBytes ?? 0);

    if (!unfinished && totalBytes > this.#maxTensorBytes) {
      throw new ProtocolError(
        'oversize',
        `${describeAddress(header)}: expected at most ${this.#maxTensorBytes} bytes, ` +
          `got ${totalBytes} for ${header.dtype} ${formatShape(header.shape)}`,
      );
    }
    if (!unfinished && payload.length === totalBytes) return wireTensor(header, payload);

    const { bytes, filledBytes } = unfinished ?? {
      bytes: new Uint8Array(totalBytes),
      filledBytes: 0,
    };
    bytes.set(payload, filledBytes);
    if (filledBytes + payload.length === totalBytes) {
      this.#unfinished = undefined;
      return wireTensor(header, bytes);
    }
    this.#unfinished = { header, bytes, filledBytes: filledBytes + payload.length };
    return undefined;
  }
}

function expectSameTensor(first: Header, next: Header): void {
  const fields = ['kind', 'step', 'microBatch', 'tensorId', 'dtype'] as const;
  if (fields.every((field) => first[field] === next[field]) && sameShape(first.shape, next.shape)) {
    return;
  }
  throw new ProtocolError(
    'bad-chunk',
    `expected the next chunk of ${describe(first)}, got one of ${describe(next)}`,
  );
}

function expectOffset(header: Header, expected: number): void {
  if (header.byteOffset === expected) return;
  const why = header.byteOffset < expected ? 'came already' : 'leaves a gap';
  throw new ProtocolError(
    'bad-chunk',
    `${describeAddress(header)}: expected the chunk at byte ${expected}, ` +
      `got the one at ${header.byteOffset}, which ${why}`,
  );
}

function describe(header: Header): string {
  return `${describeAddress(header)} (${header.dtype} ${formatShape(header.shape)})`;
}

function wireTensor(header: Header, bytes: Uint8Array): WireTensor {
  const { kind, step, microBatch, tensorId, shape, dtype } = header;
  const address: TensorAddress = { kind, step, microBatch, tensorId };
  // A socket may hand over a message at any place of a larger buffer; a view must be aligned.
  const aligned = bytes.byteOffset % bytesPerValue[dtype] === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  const count = aligned.length / bytesPerValue[dtype];
  switch (dtype) {
    case 'f32':
      return { ...address, shape, dtype, data: new Float32Array(buffer, byteOffset, count) };
    case 'f16':
      return { ...address, shape, dtype, data: new Uint16Array(buffer, byteOffset, count) };
    case 'i8':
      return { ...address, shape, dtype, data: new Int8Array(buffer, byteOffset, count) };
    case 'i32':
      return { ...address, shape, dtype, data: new Int32Array(buffer, byteOffset, count) };
  }
}
