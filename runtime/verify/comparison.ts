import type { Precision } from '../engine';
import { smallestNormalHalf } from '../half';

/** How far a result of the GPU is from what it should be, in units of the expected result's scale. */
export interface Comparison {
  /** Which of the operation's results: `output`, `input gradient`, `weight gradient`, …. */
  readonly result: string;
  /** The largest |actual - expected|; Infinity where a value is missing or no number. */
  readonly maxAbs: number;
  /** The mean |actual - expected|. */
  readonly meanAbs: number;
}

/**
 * What every error must stay below: the bound of the paper that Tandem comes from (1e-7 to 1e-5).
 * Inputs have a standard deviation of 1; a result is scaled so that its values have a root mean
 * square of 1, since a weight's gradient is a sum over all pixels and grows with them. Zeros don't
 * count for the scale: they are the pixels that a stride or a ReLU leaves out.
 */
export const errorBound = 1e-5;

/** How far the nearest f16 may be from a number; small ones may be taken for zero. */
function roundingToHalf(value: number): number {
  const magnitude = Math.abs(value);
  return magnitude < smallestNormalHalf ? Math.max(magnitude, 2 ** -25) : magnitude * 2 ** -11;
}

/**
 * Compares a result with its reference, both in one order. Of a result that is stored as f16, what
 * counts is how far it is beyond the one rounding of the right value: the bound is therefore the
 * same, and in all an error of 2^-11 of the value and 1e-5 of the result's scale.
 */
export function compare(
  result: string,
  actual: ArrayLike<number> | undefined,
  expected: Float64Array,
  storedAs: Precision = 'f32',
): Comparison {
  if (actual?.length !== expected.length) return { result, maxAbs: Infinity, meanAbs: Infinity };
  let squares = 0;
  let values = 0;
  let largest = 0;
  let sum = 0;
  expected.forEach((value, index) => {
    const distance = Math.abs((actual[index] ?? NaN) - value);
    // Not Math.max: NaN must stay.
    const rounding = storedAs === 'f16' ? roundingToHalf(value) : 0;
    const error = distance <= rounding ? 0 : distance - rounding;
    // Not Math.max in a comparison: NaN must win.
    if (!(error <= largest)) largest = error;
    sum += error;
    squares += value * value;
    if (value !== 0) values++;
  });
  const scale = values === 0 ? 1 : Math.sqrt(squares / values);
  return {
    result,
    maxAbs: finiteOr(largest / scale, Infinity),
    meanAbs: finiteOr(sum / expected.length / scale, Infinity),
  };
}

function finiteOr(value: number, otherwise: number): number {
  return Number.isFinite(value) ? value : otherwise;
}
