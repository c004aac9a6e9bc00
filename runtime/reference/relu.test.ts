import { expect, test } from 'vitest';
import { dot, finiteDifference, normal64, relativeError } from './finite-difference';
import { relu, reluBackward } from './relu';

test('clips below 0, and has no gradient at 0', () => {
  const output = relu({ shape: [4], data: Float64Array.of(-1, 0, 2, 3) });
  expect([...output.data]).toEqual([0, 0, 2, 3]);
  const dy = { shape: [4], data: Float64Array.of(5, 6, 7, -8) };
  expect([...reluBackward(dy, output).data]).toEqual([0, 0, 7, -8]);
});

test('gradient', () => {
  const input = normal64([2, 3, 4, 3], 1);
  const dy = normal64(input.shape, 2);
  const expected = finiteDifference(() => dot(relu(input), dy), input);
  expect(relativeError(reluBackward(dy, relu(input)), expected)).toBeLessThan(1e-6);
});
