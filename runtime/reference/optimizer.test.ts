import { expect, test } from 'vitest';
import { adamw } from './adamw';
import { sgd } from './sgd';
import type { Tensor64 } from './tensor64';

const one = (value: number): Tensor64 => ({ shape: [1], data: Float64Array.of(value) });

test.each([
  // Slope 0.5 + 0.1 * 2 = 0.7; then 0.5 + 0.1 p, buffer 0.9 * 0.7 + slope.
  [{ momentum: 0, nesterov: false }, [1.93, 1.8607]],
  [{ momentum: 0.9, nesterov: false }, [1.93, 1.7977]],
  [{ momentum: 0.9, nesterov: true }, [1.867, 1.679827]],
])('two steps of SGD by hand: %j', (options, expected) => {
  const config = { kind: 'sgd', weightDecay: 0.1, ...options } as const;
  const parameter = one(2);
  const buffer = options.momentum === 0 ? undefined : one(0);
  for (const value of expected) {
    sgd(parameter, one(0.5), buffer, config, 0.1);
    expect(parameter.data[0]).toBeCloseTo(value, 12);
  }
});

test('AdamW moves by the learning rate at first, and decays apart from the gradient', () => {
  const config = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 0, weightDecay: 0.1 } as const;
  const parameter = one(2);
  const averages = { expAvg: one(0), expAvgSq: one(0) };
  adamw(parameter, one(-0.3), averages, config, { learningRate: 0.01, step: 1 });
  expect(parameter.data[0]).toBeCloseTo(2 * (1 - 0.001) + 0.01, 12);
  expect(averages.expAvg.data[0]).toBeCloseTo(-0.03, 12);
  expect(averages.expAvgSq.data[0]).toBeCloseTo(0.00009, 12);
  adamw(parameter, one(0), averages, config, { learningRate: 0.01, step: 2 });
  // m = -0.027 / 0.19, v = 0.00008991 / 0.001999.
  const moved = (0.01 * (0.027 / 0.19)) / Math.sqrt(0.00008991 / 0.001999);
  expect(parameter.data[0]).toBeCloseTo(2.008 * 0.999 + moved, 12);
});
