import { expect, test } from 'vitest';
import { compare } from './comparison';
import { passes } from './run';

test('errors are in units of the root mean square of the expected values that are not zero', () => {
  const expected = Float64Array.of(30, -40, 50, 0);
  const rms = Math.sqrt((900 + 1600 + 2500) / 3);
  const { maxAbs, meanAbs } = compare('output', Float32Array.of(30, -40, 51, 1), expected);
  expect(maxAbs).toBeCloseTo(1 / rms, 12);
  expect(meanAbs).toBeCloseTo(0.5 / rms, 12);
});

test('where all should be zero the error counts as it is', () => {
  expect(compare('output', Float32Array.of(0, 0.5), new Float64Array(2)).maxAbs).toBe(0.5);
});

test.each([
  ['no result', undefined],
  ['a value too few', Float32Array.of(1)],
  ['no number', Float32Array.of(1, NaN)],
  ['infinity', Float32Array.of(1, Infinity)],
])('%s is infinitely wrong and does not pass', (_, actual) => {
  const comparison = compare('output', actual, Float64Array.of(1, 1));
  expect(comparison.maxAbs).toBe(Infinity);
  const result = { op: 'add', shape: '2', against: 'float64', ms: 1 } as const;
  expect(passes({ ...result, comparisons: [comparison] })).toBe(false);
  expect(passes({ ...result, comparisons: [] })).toBe(false);
});
