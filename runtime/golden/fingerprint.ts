import type { Shape, Tensor } from '../tensor';
import { valuesOf } from './values';

/** What `fingerprint.py` keeps of a tensor, where its explanation stands; the sample lies apart. */
export interface Fingerprint {
  readonly shape: Shape;
  readonly stride: number;
  readonly rms: number;
  readonly projection: number;
}

/** How far a tensor is from the one that the fingerprint was taken of. */
export interface Difference {
  readonly shape: Shape;
  /** The largest error of a sampled value. */
  readonly largest: number;
  /** The mean error of the sampled values. */
  readonly mean: number;
  /** The error's norm over the norm of the values, on the sample. */
  readonly relative: number;
  /** The error of the projection, which is about the root mean square error of all values. */
  readonly projection: number;
}

export function differenceFrom(
  { stride, projection }: Fingerprint,
  sample: Float32Array,
  { shape, data }: Tensor,
): Difference {
  let largest = 0;
  let sum = 0;
  let errorSquares = 0;
  let squares = 0;
  sample.forEach((expected, index) => {
    const error = Math.abs((data[index * stride] ?? NaN) - expected);
    // Not Math.max in a comparison: NaN must win.
    if (!(error <= largest)) largest = error;
    sum += error;
    errorSquares += error ** 2;
    squares += expected ** 2;
  });
  if (Math.ceil(data.length / stride) !== sample.length) largest = NaN;
  return {
    shape,
    largest,
    mean: sum / sample.length,
    relative: Math.sqrt(errorSquares / (squares || 1)),
    projection: Math.abs(projectionOf(data) - projection),
  };
}

const directions = new Map<number, Float32Array>();

function projectionOf(data: Float32Array): number {
  const count = data.length;
  const direction =
    directions.get(count) ?? valuesOf('direction', [count], { scale: 1, offset: 0 }).data;
  directions.set(count, direction);
  return (
    data.reduce((sum, value, index) => sum + value * (direction[index] ?? NaN), 0) /
    Math.sqrt(count)
  );
}
