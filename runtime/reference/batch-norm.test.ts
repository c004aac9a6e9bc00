import { expect, test } from 'vitest';
import {
  batchNormBackward,
  batchNormEvaluation,
  batchNormTraining,
  type BatchNormState,
} from './batch-norm';
import { dot, finiteDifference, normal64, relativeError } from './finite-difference';

const options = { epsilon: 1e-5, momentum: 0.1 };

function state(channels: number): BatchNormState {
  const filled = (value: number) => ({
    shape: [channels],
    data: new Float64Array(channels).fill(value),
  });
  return {
    weight: normal64([channels], 10),
    bias: normal64([channels], 11),
    runningMean: filled(0),
    runningVar: filled(1),
  };
}

test('one channel of 1, 2, 3, 6 by hand', () => {
  const input = { shape: [2, 1, 1, 2], data: Float64Array.of(1, 2, 3, 6) };
  const norm = { ...state(1), weight: { shape: [1], data: Float64Array.of(2) } };
  norm.bias.data[0] = 1;
  const { output } = batchNormTraining(input, norm, { epsilon: 0.5, momentum: 0.1 });
  // Mean 3, biased variance 3.5, so 1 / sqrt(3.5 + 0.5) = 0.5.
  expect([...output.data]).toEqual([-1, 0, 1, 4]);
  expect(norm.runningMean.data[0]).toBeCloseTo(0.3, 12);
  // 0.9 * 1 + 0.1 * 14 / 3.
  expect(norm.runningVar.data[0]).toBeCloseTo(0.9 + 1.4 / 3, 12);
});

test('evaluation uses the running statistics', () => {
  const input = { shape: [1, 1, 1, 2], data: Float64Array.of(5, 7) };
  const norm = state(1);
  norm.weight.data[0] = 3;
  norm.bias.data[0] = 1;
  norm.runningMean.data[0] = 5;
  norm.runningVar.data[0] = 3.5;
  expect([...batchNormEvaluation(input, norm, 0.5).data]).toEqual([1, 4]);
});

test.each([[[3, 5, 4, 3]], [[6, 4]]])('gradients at shape %j', (shape) => {
  const input = normal64(shape, 1);
  const norm = state(shape[1] ?? 0);
  const dy = normal64(shape, 2);
  const loss = (): number => dot(batchNormTraining(input, norm, options).output, dy);
  const { statistics } = batchNormTraining(input, norm, options);
  const gradients = batchNormBackward(dy, input, norm.weight, statistics);
  const { inputGradient, weightGradient, biasGradient } = gradients;
  expect(relativeError(inputGradient, finiteDifference(loss, input))).toBeLessThan(1e-6);
  expect(relativeError(weightGradient, finiteDifference(loss, norm.weight))).toBeLessThan(1e-6);
  expect(relativeError(biasGradient, finiteDifference(loss, norm.bias))).toBeLessThan(1e-6);
});
