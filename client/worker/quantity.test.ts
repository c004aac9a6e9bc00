import { expect, test } from 'vitest';
import { formatBytes, formatPercent, formatRate, fractionOf } from './quantity';

test('bytes', () => {
  expect([0, 640_000, 12_345_678, 1_240_000_000].map(formatBytes)).toEqual([
    '0 kB',
    '640 kB',
    '12.3 MB',
    '1.24 GB',
  ]);
});

test('rates', () => {
  expect([0, 0.423, 7.26, 99.94, 128.4].map(formatRate)).toEqual([
    '–',
    '0.42',
    '7.3',
    '99.9',
    '128',
  ]);
});

test('fractions stay in 0 … 1 and are unknown without a whole', () => {
  expect([fractionOf(1, 4), fractionOf(5, 4), fractionOf(1, undefined), fractionOf(0, 0)]).toEqual([
    0.25,
    1,
    undefined,
    undefined,
  ]);
  expect(formatPercent(0.999)).toBe('99%');
});
