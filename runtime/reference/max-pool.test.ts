import { expect, test } from 'vitest';
import { dot, finiteDifference, normal64, relativeError } from './finite-difference';
import { maxPool, maxPoolBackward } from './max-pool';

const window = { kernel: 3, stride: 2, padding: 1 };

test('negative pixels beat the padding, and the first of equal values is taken', () => {
  const input = { shape: [1, 1, 2, 3], data: Float64Array.of(-3, -1, -1, -2, -1, -5) };
  const { output, argmax } = maxPool(input, window);
  expect([...output.data]).toEqual([-1, -1]);
  expect([...argmax]).toEqual([1, 1]);
  const dy = { shape: output.shape, data: Float64Array.of(10, 7) };
  expect([...maxPoolBackward(dy, argmax, input.shape).data]).toEqual([0, 17, 0, 0, 0, 0]);
});

test.each([
  [{ kernel: 3, stride: 2, padding: 1 }],
  [{ kernel: 2, stride: 2, padding: 0 }],
  [{ kernel: 3, stride: 1, padding: 1 }],
])('gradient of %j', (size) => {
  const input = normal64([2, 3, 7, 5], 1);
  const { output, argmax } = maxPool(input, size);
  const dy = normal64(output.shape, 2);
  const expected = finiteDifference(() => dot(maxPool(input, size).output, dy), input, 1e-6);
  expect(relativeError(maxPoolBackward(dy, argmax, input.shape), expected)).toBeLessThan(1e-6);
});
