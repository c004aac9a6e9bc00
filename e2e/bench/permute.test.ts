import { expect, test } from 'vitest';
import { tensor } from '../../runtime/tensor';
import {
  fromChannelsLast,
  fromFiltersLast,
  permute,
  toChannelsLast,
  toFiltersLast,
} from './permute';

const shape = [2, 3, 2, 5];
const counted = tensor(
  shape,
  Float32Array.from({ length: 60 }, (_, index) => index),
);

test('channels last', () => {
  const { shape: permuted, data } = permute(counted, toChannelsLast);
  expect(permuted).toEqual([2, 2, 5, 3]);
  // Picture 0, row 0, columns 0 and 1: a channel is 10 values from the next.
  expect([...data.slice(0, 6)]).toEqual([0, 10, 20, 1, 11, 21]);
});

test('filters last', () => {
  const { shape: permuted, data } = permute(counted, toFiltersLast);
  expect(permuted).toEqual([2, 5, 3, 2]);
  expect([...data.slice(0, 4)]).toEqual([0, 30, 10, 40]);
});

test.each([
  [toChannelsLast, fromChannelsLast],
  [toFiltersLast, fromFiltersLast],
])('%j and back', (there, back) => {
  expect(permute(permute(counted, there), back)).toEqual(counted);
});
