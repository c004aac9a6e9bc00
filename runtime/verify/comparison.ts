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

/** Compares a result with its reference, both in one order. */
export function compare(
  result: string,
  actual: ArrayLike<number> | undefined,
  expected: Float64Array,
): Comparison {
  if (actual?.length !== expected.length) return { result, maxAbs: Infinity, meanAbs: Infinity };
  let squares = 0;
  let values = 0;
  let largest = 0;
  let sum = 0;
  expected.forEach((value, index) => {
    const error = Math.abs((actual[index] ?? NaN) - value);
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
