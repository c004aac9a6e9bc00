import { expect, test } from 'vitest';
import { finiteDifference, normal64, relativeError } from './finite-difference';
import { softmaxCrossEntropy } from './softmax-cross-entropy';

test('two classes with odds 3:1 by hand, and large logits', () => {
  const logits = { shape: [2, 2], data: Float64Array.of(Math.log(3), 0, 1000, 1000) };
  const { loss, correct } = softmaxCrossEntropy(logits, Int32Array.of(0, 1), 0);
  expect(loss).toBeCloseTo((Math.log(4 / 3) + Math.log(2)) / 2, 12);
  // The second sample is a tie, which the first class wins.
  expect(correct).toBe(1);
  const smoothed = softmaxCrossEntropy(logits, Int32Array.of(0, 1), 0.2);
  const first = 0.9 * Math.log(4 / 3) + 0.1 * Math.log(4);
  expect(smoothed.loss).toBeCloseTo((first + Math.log(2)) / 2, 12);
});

test.each([0, 0.1])('gradient with label smoothing %d', (labelSmoothing) => {
  const logits = normal64([4, 7], 1);
  const labels = Int32Array.of(3, 0, 6, 3);
  const loss = (): number => softmaxCrossEntropy(logits, labels, labelSmoothing).loss;
  const { gradient } = softmaxCrossEntropy(logits, labels, labelSmoothing);
  expect(relativeError(gradient, finiteDifference(loss, logits))).toBeLessThan(1e-6);
});
