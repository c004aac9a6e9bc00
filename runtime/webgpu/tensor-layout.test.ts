import { expect, test } from 'vitest';
import { convolutionLayout, linearLayout, vectorLayout, type TensorLayout } from './tensor-layout';

function packed(layout: TensorLayout, tensor: readonly number[]): number[] {
  const values = new Float32Array(layout.bytes / 4);
  layout.pack(Float32Array.from(tensor), values);
  const back = new Float32Array(tensor.length);
  layout.unpack(values, back);
  expect([...back]).toEqual(tensor);
  return [...values];
}

test('a vector is filled up to a multiple of four', () => {
  expect(packed(vectorLayout(3), [1, 2, 3])).toEqual([1, 2, 3, 0]);
  expect(packed(vectorLayout(4), [1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
});

test('a convolution weight lies by tap, input channel, output channel', () => {
  // (out 2, in 1, 2, 2): the value's digits are its output channel and its tap.
  const weight = [10, 11, 12, 13, 20, 21, 22, 23];
  const rowsOfZeros = Array.from({ length: 12 }, () => 0);
  expect(packed(convolutionLayout(2, 1, 2), weight)).toEqual([
    ...[10, 20, 0, 0, ...rowsOfZeros],
    ...[11, 21, 0, 0, ...rowsOfZeros],
    ...[12, 22, 0, 0, ...rowsOfZeros],
    ...[13, 23, 0, 0, ...rowsOfZeros],
  ]);
});

test('a linear weight is transposed', () => {
  // (out 5, in 2): the value's digits are its output and its input feature.
  const weight = [11, 12, 21, 22, 31, 32, 41, 42, 51, 52];
  expect(packed(linearLayout(5, 2), weight)).toEqual([
    ...[11, 21, 31, 41, 51, 0, 0, 0],
    ...[12, 22, 32, 42, 52, 0, 0, 0],
    ...Array.from({ length: 16 }, () => 0),
  ]);
});
