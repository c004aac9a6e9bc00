import {
  assert,
  constantFrom,
  dictionary,
  property,
  string,
  uint8Array,
  tuple,
  nat,
} from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  SafetensorsError,
  type SafetensorsFile,
} from './safetensors';
import { readFloat32, storeFloat32, storeInteger, type StoredTensor } from './stored-tensor';

/** A file with the given header text, as it stands, and data bytes. */
function fileOf(header: string, data: readonly number[]): Uint8Array {
  const json = new TextEncoder().encode(header);
  return Uint8Array.from([json.length & 255, json.length >> 8, 0, 0, 0, 0, 0, 0, ...json, ...data]);
}

/** The header of one tensor `w`. */
function headerOf(dtype: string, shape: readonly unknown[], offsets: readonly unknown[]): string {
  return JSON.stringify({ w: { dtype, shape, data_offsets: offsets } });
}

const twoFloats = [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]; // 1, -2

// Byte for byte what safetensors 0.8 (Rust) writes for {'w': [1, -2]} with {'format': 'pt'}.
const literalHeader =
  '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   ';
const literal = fileOf(literalHeader, twoFloats);

test('a file in literal bytes is read without copying', () => {
  const { metadata, tensors } = decodeSafetensors(literal);
  expect([...metadata]).toEqual([['format', 'pt']]);
  expect([...tensors.keys()]).toEqual(['w']);
  const w = tensors.get('w');
  expect(w?.shape).toEqual([2]);
  const values = w && readFloat32('w', w);
  expect([...(values ?? [])]).toEqual([1, -2]);
  expect(values?.buffer).toBe(literal.buffer);
});

test('a file is written in literal bytes', () => {
  const w = storeFloat32({ shape: [2], data: Float32Array.of(1, -2) });
  const file = { metadata: new Map([['format', 'pt']]), tensors: new Map([['w', w]]) };
  expect([...encodeSafetensors(file)]).toEqual([...literal]);
});

test('every tensor is aligned to its type, wide types first', () => {
  const tensors = new Map<string, StoredTensor>([
    ['flag', { dtype: 'BOOL', shape: [3], bytes: Uint8Array.of(1, 0, 1) }],
    ['w', storeFloat32({ shape: [1], data: Float32Array.of(3) })],
    ['tracked', storeInteger(7)],
    ['empty', storeFloat32({ shape: [0, 4], data: new Float32Array(0) })],
  ]);
  const bytes = encodeSafetensors({ metadata: new Map(), tensors });
  const read = decodeSafetensors(bytes);
  expect([...read.tensors.keys()]).toEqual(['tracked', 'w', 'empty', 'flag']);
  expect(read.tensors.get('tracked')?.bytes.byteOffset ?? 1).toSatisfy(
    (at: number) => at % 8 === 0,
  );
  expect(read.tensors.get('flag')?.bytes).toEqual(Uint8Array.of(1, 0, 1));
});

test('unaligned tensors are copied, and read the same', () => {
  const shifted = new Uint8Array(literal.length + 1);
  shifted.set(literal, 1);
  const w = decodeSafetensors(shifted.subarray(1)).tensors.get('w');
  expect([...((w && readFloat32('w', w)) ?? [])]).toEqual([1, -2]);
});

const headerBytes = literalHeader.length;
test.each([
  [
    'nothing',
    new Uint8Array(0),
    'expected a safetensors file, got 0 bytes: it is empty or was cut',
  ],
  ['a part of the length', literal.subarray(0, 5), 'got 5 bytes: it is empty or was cut off'],
  [
    'a part of the header',
    literal.subarray(0, 40),
    `expected a header of ${headerBytes} bytes, the file has 40: it was cut off`,
  ],
  [
    'a part of the data',
    literal.subarray(0, literal.length - 3),
    `expected ${literal.length} bytes, the file has ${literal.length - 3}: it was cut off; copy or download it again`,
  ],
  [
    'more than the data',
    Uint8Array.from([...literal, 0]),
    `expected ${literal.length} bytes, the file has ${literal.length + 1}: something was appended`,
  ],
  ['a zip file', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 8, 8, 0), 'it is another kind of file'],
  ['no JSON', fileOf('{"w":', []), 'expected a header in JSON'],
  ['no UTF-8', Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0x22, 0xff, 0xff, 0x22), 'header in JSON'],
  ['no object', fileOf('[]', []), 'header: expected an object, got []'],
  ['metadata that is no text', fileOf('{"__metadata__":{"a":1}}', []), "'a': expected text, got 1"],
  ['an unknown type', fileOf(headerOf('F4', [2], [0, 1]), [0]), 'dtype: expected one of BOOL, U8,'],
  ['a negative size', fileOf(headerOf('F32', [-2], [0, 8]), twoFloats), 'got [-2]'],
  ['a size in parts', fileOf(headerOf('F32', [0.5], [0, 2]), [0, 0]), 'got [0.5]'],
  ['three offsets', fileOf(headerOf('F32', [2], [0, 8, 9]), twoFloats), 'got [0,8,9]'],
  ['descending offsets', fileOf(headerOf('F32', [2], [8, 0]), twoFloats), 'got [8,0]'],
  ['no offsets', fileOf('{"w":{"dtype":"F32","shape":[2]}}', twoFloats), 'got nothing'],
  [
    'a size that is not the shape’s',
    fileOf(headerOf('F32', [3], [0, 8]), twoFloats),
    "tensor 'w' (F32 3): expected 12 bytes, got 8; the file is damaged",
  ],
  [
    'a shape beyond all numbers',
    fileOf(headerOf('F32', Array(40).fill(1e15), [0, 8]), twoFloats),
    'expected Infinity bytes, got 8',
  ],
  [
    'tensors that overlap',
    fileOf(
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}',
      [1, 2, 3, 4, 5, 6],
    ),
    "tensor 'b': expected to start at byte 4 behind the tensor before, got 2",
  ],
  [
    'a gap between tensors',
    fileOf(
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}',
      [1, 2, 3],
    ),
    "tensor 'b': expected to start at byte 1 behind the tensor before, got 2",
  ],
])('%s is refused in one sentence', (_, file, message) => {
  const decode = () => decodeSafetensors(file);
  expect(decode).toThrow(SafetensorsError);
  expect(decode).toThrow(message);
});

test('what does not fit is not written', () => {
  const encode = (name: string, size: number) => {
    const data = Float32Array.of(1, -2);
    const tensors = new Map([[name, { ...storeFloat32({ shape: [2], data }), shape: [size] }]]);
    return () => encodeSafetensors({ metadata: new Map(), tensors });
  };
  expect(encode('w', 3)).toThrow(
    "tensor 'w' (F32 3): expected 12 bytes, got 8; give it the values",
  );
  expect(encode('__metadata__', 2)).toThrow("'__metadata__' can't be a tensor's name");
});

const bytesOfType = constantFrom('U8', 'I8', 'BOOL').chain((dtype) =>
  uint8Array({ maxLength: 20 }).map((bytes): StoredTensor => ({
    dtype,
    shape: [bytes.length],
    bytes,
  })),
);
const anyFile = tuple(
  dictionary(string(), string(), { maxKeys: 4 }),
  dictionary(string(), bytesOfType, { maxKeys: 6 }),
).map(([metadata, tensors]): SafetensorsFile => ({
  metadata: new Map(Object.entries(metadata)),
  tensors: new Map(Object.entries(tensors)),
}));

test('any file that is written reads back the same', () => {
  assert(
    property(anyFile, (file) => {
      const read = decodeSafetensors(encodeSafetensors(file));
      expect(new Map(read.metadata)).toEqual(file.metadata);
      expect(new Map(read.tensors)).toEqual(file.tensors);
    }),
  );
});

test('a damaged file is read or refused, and nothing else happens', () => {
  assert(
    property(anyFile, nat(), nat(255), nat(3), (file, position, value, kind) => {
      const bytes = encodeSafetensors(file);
      const damaged = kind === 0 ? bytes.slice(0, position % bytes.length) : bytes;
      damaged[position % damaged.length] = value;
      try {
        decodeSafetensors(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(SafetensorsError);
      }
    }),
    { numRuns: 500 },
  );
});
