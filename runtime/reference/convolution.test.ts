import { expect, test } from 'vitest';
import { convolution, convolutionInputGradient, convolutionWeightGradient } from './convolution';
import { dot, finiteDifference, normal64, relativeError } from './finite-difference';

test('a 2x2 picture under a 3x3 window with padding 1, by hand', () => {
  const input = { shape: [1, 1, 2, 2], data: Float64Array.of(1, 2, 3, 4) };
  const weight = { shape: [1, 1, 3, 3], data: Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9) };
  // Top left: 5*1 + 6*2 + 8*3 + 9*4; the window's other taps lie in the padding.
  expect([...convolution(input, weight, { stride: 1, padding: 1 }).data]).toEqual([77, 67, 47, 37]);
});

test.each([
  [1, 1, 0],
  [3, 1, 1],
  [3, 2, 1],
  [1, 2, 0],
  [7, 2, 3],
])('gradients of a %dx kernel, stride %d, padding %d', (kernel, stride, padding) => {
  const window = { stride, padding };
  const input = normal64([2, 3, 7, 5], 1);
  const weight = normal64([4, 3, kernel, kernel], 2);
  const dy = normal64(convolution(input, weight, window).shape, 3);
  const loss = (): number => dot(convolution(input, weight, window), dy);
  const dx = convolutionInputGradient(dy, weight, input.shape, window);
  const dw = convolutionWeightGradient(dy, input, weight.shape, window);
  expect(relativeError(dx, finiteDifference(loss, input))).toBeLessThan(1e-6);
  expect(relativeError(dw, finiteDifference(loss, weight))).toBeLessThan(1e-6);
});
