import { expect, test } from 'vitest';
import { Temperature } from './temperature';

function after(...times: number[]): number | undefined {
  const temperature = new Temperature();
  for (const ms of times) temperature.add(ms);
  return temperature.slowdown;
}

const steps = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);
const compiling = [4000, 900];

test('two samples of ten steps, after the two that compile', () => {
  expect(after(...compiling, ...steps(19, 100))).toBeUndefined();
  expect(after(...compiling, ...steps(20, 100))).toBe(0);
});

test('the newest ten steps against the first ten', () => {
  expect(after(...compiling, ...steps(10, 100), ...steps(40, 120), ...steps(10, 109))).toBeCloseTo(
    0.09,
    12,
  );
  // Nine of ten are new: the median is of those.
  expect(after(...compiling, ...steps(11, 100), ...steps(9, 109))).toBeCloseTo(0.09, 12);
});

test('an interruption or two change nothing', () => {
  const interrupted = [60_000, ...steps(8, 100), 20_000];
  expect(after(...compiling, ...steps(10, 100), ...interrupted)).toBe(0);
});

test('a device that has cooled down is faster', () => {
  expect(after(...compiling, ...steps(10, 100), ...steps(10, 80))).toBeCloseTo(-0.2, 12);
});
