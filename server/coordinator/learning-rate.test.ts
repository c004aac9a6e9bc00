import { expect, test } from 'vitest';
import { learningRateAt } from './learning-rate';

test('a constant rate after a linear warm-up', () => {
  const config = { schedule: 'constant', peak: 0.4, warmupSteps: 4 } as const;
  expect([1, 2, 4, 5, 100].map((step) => learningRateAt(config, step, 100))).toEqual([
    0.1, 0.2, 0.4, 0.4, 0.4,
  ]);
});

test('half a cosine from the peak towards zero', () => {
  const config = { schedule: 'cosine', peak: 1, warmupSteps: 0 } as const;
  const rates = [1, 3, 5].map((step) => learningRateAt(config, step, 4));
  expect(rates[0]).toBe(1);
  expect(rates[1]).toBeCloseTo(0.5, 12);
  expect(rates[2]).toBeCloseTo(0, 12);
});
