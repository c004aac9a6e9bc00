import { elementCount, formatShape, type Shape } from '../tensor';
import { dtypeBytes, isDtype, type StoredTensor } from './stored-tensor';

/*
 * The safetensors format (github.com/huggingface/safetensors): the header's length as a 64-bit
 * little-endian number, the header as JSON, then the tensors' bytes without gaps.
 *
 *   { "__metadata__": { "KEY": "TEXT" }, "NAME": { "dtype": "F32", "shape": [2, 3],
 *     "data_offsets": [0, 24] } }            offsets count from the end of the header
 */

/** What a file holds; tensors in the order in which they lie in it. */
export interface SafetensorsFile {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** A file is no whole safetensors file. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

const prefixBytes = 8;
/** Tensors start at multiples of this, so that any type can be viewed where it lies. */
const alignment = 8;
/** The format's own limit. */
const maxHeaderBytes = 100_000_000;

interface Entry extends Pick<StoredTensor, 'dtype' | 'shape'> {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** A file's bytes; see {@link encodeParts}. */
export function encodeSafetensors(file: SafetensorsFile): Uint8Array {
  const parts = encodeParts(file);
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

/**
 * A file's bytes as its header and one part a tensor, without copying the tensors. Wide types come
 * first, so that every tensor is aligned to its type; within a type the order is kept.
 *
 * @throws SafetensorsError for a tensor whose bytes are not those of its shape and type
 */
export function encodeParts({ metadata, tensors }: SafetensorsFile): Uint8Array[] {
  const ordered = [...tensors].sort(([, a], [, b]) => dtypeBytes[b.dtype] - dtypeBytes[a.dtype]);
  const header: [string, unknown][] = [];
  if (metadata.size > 0) header.push(['__metadata__', Object.fromEntries(metadata)]);
  let end = 0;
  for (const [name, tensor] of ordered) {
    const begin = end;
    end += tensor.bytes.byteLength;
    checkSize({ name, ...tensor, begin, end }, 'give it the values of its shape');
    if (name === '__metadata__') {
      throw new SafetensorsError("'__metadata__' can't be a tensor's name; give it another");
    }
    header.push([name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(json.byteLength / alignment) * alignment;
  const head = new Uint8Array(prefixBytes + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, prefixBytes);
  return [head, ...ordered.map(([, { bytes }]) => bytes)];
}

/**
 * What a file's bytes hold; the tensors are views of them.
 *
 * @throws SafetensorsError unless the file is whole and every tensor in it has a known type, a
 *   size that is that of its shape, and a place of its own
 */
export function decodeSafetensors(file: Uint8Array): SafetensorsFile {
  const headerEnd = readHeaderEnd(file);
  const { metadata, entries } = readHeader(file.subarray(prefixBytes, headerEnd));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const entry of entries) {
    checkSize(entry, 'the file is damaged: copy or download it again');
    if (entry.begin !== end) {
      throw new SafetensorsError(
        `tensor '${entry.name}': expected to start at byte ${end} behind the tensor before, got ${entry.begin}; the header is damaged: copy or download the file again`,
      );
    }
    ({ end } = entry);
  }
  const expected = headerEnd + end;
  if (file.byteLength < expected) throw cutOff(expected, file.byteLength);
  if (file.byteLength > expected) {
    throw new SafetensorsError(
      `expected ${expected} bytes, the file has ${file.byteLength}: something was appended to it; copy or download it again`,
    );
  }
  const tensors = new Map(
    entries.map(({ name, dtype, shape, begin, end }) => {
      const bytes = file.subarray(headerEnd + begin, headerEnd + end);
      return [name, { dtype, shape, bytes }];
    }),
  );
  return { metadata, tensors };
}

function cutOff(expected: number, actual: number): SafetensorsError {
  return new SafetensorsError(
    `expected ${expected} bytes, the file has ${actual}: it was cut off; copy or download it again`,
  );
}

function readHeaderEnd(file: Uint8Array): number {
  if (file.byteLength < prefixBytes) {
    throw new SafetensorsError(
      `expected a safetensors file, got ${file.byteLength} bytes: it is empty or was cut off; copy or download it again`,
    );
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = view.getBigUint64(0, true);
  if (length < 2n || length > BigInt(maxHeaderBytes)) {
    throw new SafetensorsError(
      `expected a safetensors file, whose first 8 bytes are its header's length, got ${length}: it is another kind of file; save the weights with safetensors (save_file)`,
    );
  }
  const end = prefixBytes + Number(length);
  if (end > file.byteLength) {
    throw new SafetensorsError(
      `expected a header of ${length} bytes, the file has ${file.byteLength}: it was cut off or is no safetensors file; copy or download it again`,
    );
  }
  return end;
}

function readHeader(bytes: Uint8Array): { metadata: Map<string, string>; entries: Entry[] } {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SafetensorsError(
      `expected a header in JSON: ${reason}; the file is damaged or no safetensors file: copy or download it again`,
    );
  }
  if (!isRecord(header)) throw damaged('header', 'an object', header);
  const metadata = new Map<string, string>();
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') {
      entries.push(readEntry(name, value));
      continue;
    }
    if (!isRecord(value)) throw damaged('__metadata__', 'an object', value);
    for (const [key, text] of Object.entries(value)) {
      if (typeof text !== 'string') throw damaged(`__metadata__ '${key}'`, 'text', text);
      metadata.set(key, text);
    }
  }
  return { metadata, entries };
}

function readEntry(name: string, value: unknown): Entry {
  const what = `tensor '${name}'`;
  if (!isRecord(value)) throw damaged(what, 'an object', value);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) {
    throw damaged(`${what}, dtype`, `one of ${Object.keys(dtypeBytes).join(', ')}`, dtype);
  }
  if (!isSizes(shape)) throw damaged(`${what}, shape`, 'a list of sizes', shape);
  if (!isSizes(offsets)) throw damaged(`${what}, data_offsets`, 'two byte offsets', offsets);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2 || begin > end) {
    throw damaged(`${what}, data_offsets`, 'two ascending byte offsets', offsets);
  }
  return { name, dtype, shape, begin, end };
}

function checkSize({ name, dtype, shape, begin, end }: Entry, remedy: string): void {
  const expected = elementCount(shape) * dtypeBytes[dtype];
  if (end - begin === expected) return;
  throw new SafetensorsError(
    `tensor '${name}' (${dtype} ${formatShape(shape)}): expected ${expected} bytes, got ${end - begin}; ${remedy}`,
  );
}

function damaged(what: string, expected: string, actual: unknown): SafetensorsError {
  const got = JSON.stringify(actual) as string | undefined;
  return new SafetensorsError(
    `${what}: expected ${expected}, got ${(got ?? 'nothing').slice(0, 80)}; the header is damaged: copy or download the file again`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is Shape {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
