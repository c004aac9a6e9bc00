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
  /** Offsets of chunks that have a place: two that claim to be one may not share it. */
  readonly placed: Set<number>;
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
    const isNext = unfinished !== undefined && isSameTensor(unfinished.header, header);
    if (isNext && byteOffset < unfinished.filledBytes) return undefined;
    if (tensorBytes(header) > this.#maxTensorBytes) return undefined;
    const begun = isNext ? unfinished : (this.#findReserved(header) ?? this.#reserve(header));
    if (begun.placed.has(byteOffset)) return undefined;
    begun.placed.add(byteOffset);
    return begun.bytes.subarray(byteOffset, byteOffset + payloadBytes);
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

    const at = unfinished?.filledBytes ?? 0;
    const begun = this.#put(payload, at, unfinished ?? reserved ?? this.#begin(header));
    const { bytes } = begun;
    const filledBytes = at + payload.length;
    this.#unfinished = filledBytes < totalBytes ? { ...begun, filledBytes } : undefined;
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

  /** The tensor with this chunk in it, in memory that nobody else writes to. */
  #put(payload: Uint8Array, at: number, begun: Begun): Begun {
    const { header, bytes, placed } = begun;
    const isInPlace =
      payload.buffer === bytes.buffer && payload.byteOffset === bytes.byteOffset + at;
    if (isInPlace) return begun;
    // It came a second time, as in a request that was sent again, and the first is on its way yet.
    const isDoubled = placed.has(at);
    const own = isDoubled ? this.#begin(header) : begun;
    if (isDoubled) own.bytes.set(bytes.subarray(0, at));
    own.bytes.set(payload, at);
    return own;
  }

  #begin(header: Header): Begun {
    return { header, bytes: this.#memory.take(tensorBytes(header)), placed: new Set() };
  }

  #reserve(header: Header): Begun {
    const begun = this.#begin(header);
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
