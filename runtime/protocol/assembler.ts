import { formatShape, sameShape } from '../tensor';
import { ProtocolError } from './error';
import { bytesPerValue, describeAddress, tensorBytes } from './frame';
import type { Frame, FrameHeader, TensorAddress, WireTensor } from './frame';
import { TensorMemory } from './tensor-memory';

/** Enough for any activation of a ResNet at 224x224; what a wrong header can make us allocate. */
export const defaultMaxTensorBytes = 1024 * 1024 * 1024;

type Header = Omit<Frame, 'payload'>;

/** A tensor and its memory, with room for all of it. */
interface Begun {
  readonly header: Header;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Tensors that may have memory before a chunk of them was added. */
const maxReserved = 4;

/**
 * Puts the chunks of one traffic class together. The chunks of a tensor are added in order and
 * without those of another in between, so that at most one tensor is unfinished. A chunk that was
 * received into its {@link place} is not copied.
 */
export class Assembler {
  readonly #maxTensorBytes: number;
  readonly #memory = new TensorMemory();
  #unfinished: (Begun & { filledBytes: number }) | undefined;
  /** Oldest first. What is never added is let go by and by. */
  readonly #reserved: Begun[] = [];

  constructor(maxTensorBytes: number) {
    this.#maxTensorBytes = maxTensorBytes;
  }

  /**
   * Where in its tensor's memory a chunk goes that is on its way. Undefined for one that has been
   * added, and for one whose tensor is too large or out of line.
   */
  place(header: FrameHeader): Uint8Array<ArrayBuffer> | undefined {
    const { byteOffset, payloadBytes } = header;
    const unfinished = this.#unfinished;
    if (unfinished && isSameTensor(unfinished.header, header)) {
      if (byteOffset < unfinished.filledBytes) return undefined;
      return unfinished.bytes.subarray(byteOffset, byteOffset + payloadBytes);
    }
    if (tensorBytes(header) > this.#maxTensorBytes) return undefined;
    const { bytes } = this.#findReserved(header) ?? this.#reserve(header);
    return bytes.subarray(byteOffset, byteOffset + payloadBytes);
  }

  /**
   * The tensor that this chunk completes, if it does. A tensor of one chunk is a view of the
   * message where that is aligned; every other one has memory of its own.
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
    const reserved = unfinished ? undefined : this.#claim(header);
    if (!unfinished && payload.length === totalBytes) return wireTensor(header, payload);

    const { bytes } = unfinished ?? reserved ?? { bytes: this.#memory.take(totalBytes) };
    const at = unfinished?.filledBytes ?? 0;
    if (payload.buffer !== bytes.buffer || payload.byteOffset !== bytes.byteOffset + at) {
      bytes.set(payload, at);
    }
    const filledBytes = at + payload.length;
    this.#unfinished = filledBytes < totalBytes ? { header, bytes, filledBytes } : undefined;
    return this.#unfinished ? undefined : wireTensor(header, bytes);
  }

  /** Takes the memory of a tensor that came from here, and that nobody reads any more. */
  giveBack({ buffer, byteLength }: ArrayBufferView): void {
    // What came in one message is a part of that, and not kept.
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
    if (isWhole) this.#memory.giveBack(buffer);
  }

  #findReserved(header: Header): Begun | undefined {
    return this.#reserved.find((begun) => isSameTensor(begun.header, header));
  }

  #reserve(header: Header): Begun {
    const begun = { header, bytes: this.#memory.take(tensorBytes(header)) };
    this.#reserved.push(begun);
    if (this.#reserved.length > maxReserved) this.#reserved.shift();
    return begun;
  }

  /** What was reserved for the tensor, which is not reserved any more. */
  #claim(header: Header): Begun | undefined {
    const begun = this.#findReserved(header);
    if (begun) this.#reserved.splice(this.#reserved.indexOf(begun), 1);
    return begun;
  }
}

function isSameTensor(first: Header, next: Header): boolean {
  const fields = ['kind', 'step', 'microBatch', 'tensorId', 'dtype'] as const;
  return (
    fields.every((field) => first[field] === next[field]) && sameShape(first.shape, next.shape)
  );
}

function expectSameTensor(first: Header, next: Header): void {
  if (isSameTensor(first, next)) return;
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
