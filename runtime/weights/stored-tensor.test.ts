import { expect, test } from 'vitest';
import { readFloat32, readInteger, storeInteger, type Dtype } from './stored-tensor';

function float32Of(dtype: Dtype, bytes: readonly number[]): number[] {
  return [...readFloat32('w', { dtype, shape: [bytes.length], bytes: Uint8Array.from(bytes) })];
}

test('half precision, in literal bytes', () => {
  const halves = [0x3c00, 0xc000, 0x3555, 0x7bff, 0x0400, 0x03ff, 0x0001, 0x8000, 0x7c00, 0xfc00];
  expect(
    float32Of(
      'F16',
      halves.flatMap((half) => [half & 255, half >> 8]),
    ),
  ).toEqual([
    1,
    -2,
    1365 / 4096, // the half nearest to 1/3
    65504,
    2 ** -14,
    1023 * 2 ** -24,
    2 ** -24,
    -0,
    Infinity,
    -Infinity,
  ]);
  expect(float32Of('F16', [1, 0x7c])).toEqual([NaN]);
});

test('bfloat16 is the upper half of a float32', () => {
  expect(float32Of('BF16', [0x80, 0x3f, 0x49, 0x40, 0x80, 0xff])).toEqual([1, 3.140625, -Infinity]);
});

test('float64 is rounded to the nearest float32', () => {
  const bytes = [...new Uint8Array(Float64Array.of(0.1, -1e300).buffer)];
  expect(float32Of('F64', bytes)).toEqual([Math.fround(0.1), -Infinity]);
});

test('whole numbers are no weights', () => {
  expect(() => float32Of('I64', [1, 0, 0, 0, 0, 0, 0, 0])).toThrow(
    'w: expected floating-point numbers (F32, F16, BF16 or F64), got I64; save it as F32',
  );
});

test('one whole number, in literal bytes', () => {
  const { dtype, shape, bytes } = storeInteger(0x010203);
  expect({ dtype, shape, bytes: [...bytes] }).toEqual({
    dtype: 'I64',
    shape: [],
    bytes: [3, 2, 1, 0, 0, 0, 0, 0],
  });
  const shifted = Uint8Array.from([0xff, ...bytes]).subarray(1);
  expect(readInteger('n', { dtype, shape, bytes: shifted })).toBe(0x010203);
  expect(() => readInteger('n', { dtype: 'F32', shape: [], bytes })).toThrow(
    'n: expected one whole number (I64 or I32), got F32 scalar',
  );
});

test('a Node buffer that is not aligned is read', () => {
  const bytes = Buffer.from([0xff, 0, 0, 0x80, 0x3f]).subarray(1);
  const moved = bytes.byteOffset % 4 === 0 ? Buffer.from([0, ...bytes]).subarray(1) : bytes;
  expect([...readFloat32('w', { dtype: 'F32', shape: [1], bytes: moved })]).toEqual([1]);
});
