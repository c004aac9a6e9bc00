import { expect, test } from 'vitest';
import type { Convolution } from '../../runtime/model/graph';
import { orderedName } from './graphs/names';
import { OrderedWeights } from './ordered-weights';

const convolution: Convolution = {
  kind: 'convolution',
  input: 'input',
  output: 'output',
  weight: 'w',
  inChannels: 1,
  outChannels: 2,
  kernel: 2,
  stride: 1,
  padding: 1,
};
const rotatedName = orderedName('w', { rotated: true, blockSize: undefined });

test('weights are put in order once after a change, in the array that is there', () => {
  const weights = new OrderedWeights([convolution], undefined);
  const parameter = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const rotated = weights.get(rotatedName, () => parameter);
  expect([...(rotated ?? [])]).toEqual([4, 3, 2, 1, 8, 7, 6, 5]);
  parameter[0] = 10;
  expect(weights.get(rotatedName, () => parameter)).toBe(rotated);
  expect(rotated?.[3]).toBe(1);
  weights.drop();
  expect(weights.get(rotatedName, () => parameter)).toBe(rotated);
  expect([...(rotated ?? [])]).toEqual([4, 3, 2, 10, 8, 7, 6, 5]);
  expect(weights.bytes()).toBe(32);
});

test('weights in their own order are not among them', () => {
  const weights = new OrderedWeights([convolution], undefined);
  expect(weights.get('w', () => Float32Array.of(1))).toBeUndefined();
});
