import { expect, test } from 'vitest';
import { dot, finiteDifference, normal64, relativeError } from './finite-difference';
import { globalAveragePool, globalAveragePoolBackward } from './global-average-pool';
import { linear, linearBackward } from './linear';

test('linear by hand', () => {
  const input = { shape: [1, 2], data: Float64Array.of(2, 3) };
  const weight = { shape: [2, 2], data: Float64Array.of(1, 10, 100, 1000) };
  const bias = { shape: [2], data: Float64Array.of(0.5, 0.25) };
  expect([...linear(input, weight, bias).data]).toEqual([32.5, 3200.25]);
});

test('gradients of linear', () => {
  const input = normal64([3, 5], 1);
  const weight = normal64([4, 5], 2);
  const bias = normal64([4], 3);
  const dy = normal64([3, 4], 4);
  const loss = (): number => dot(linear(input, weight, bias), dy);
  const { inputGradient, weightGradient, biasGradient } = linearBackward(dy, input, weight);
  expect(relativeError(inputGradient, finiteDifference(loss, input))).toBeLessThan(1e-6);
  expect(relativeError(weightGradient, finiteDifference(loss, weight))).toBeLessThan(1e-6);
  expect(relativeError(biasGradient, finiteDifference(loss, bias))).toBeLessThan(1e-6);
});

test('global average pooling by hand, and its gradient', () => {
  const pooled = globalAveragePool({
    shape: [1, 2, 1, 3],
    data: Float64Array.of(1, 2, 6, -1, -1, -4),
  });
  expect([...pooled.data]).toEqual([3, -2]);
  const input = normal64([2, 3, 4, 5], 1);
  const dy = normal64([2, 3], 2);
  const expected = finiteDifference(() => dot(globalAveragePool(input), dy), input);
  expect(relativeError(globalAveragePoolBackward(dy, input.shape), expected)).toBeLessThan(1e-6);
});
