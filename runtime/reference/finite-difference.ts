import { Random } from '../random';
import { elementCount, type Shape } from '../tensor';
import { at, zeros64, type Tensor64 } from './tensor64';

/**
 * The gradient of a scalar function by central differences, (f(x + h) - f(x - h)) / 2h: what the
 * tests hold every backward against.
 *
 * @param value read by `f`; changed while it runs and put back
 */
export function finiteDifference(f: () => number, value: Tensor64, h = 1e-4): Tensor64 {
  const gradient = zeros64(value.shape);
  value.data.forEach((centre, index) => {
    value.data[index] = centre + h;
    const above = f();
    value.data[index] = centre - h;
    const below = f();
    value.data[index] = centre;
    gradient.data[index] = (above - below) / (2 * h);
  });
  return gradient;
}

/** The largest difference, relative to the largest expected value. */
export function relativeError(actual: Tensor64, expected: Tensor64): number {
  const largest = Math.max(...expected.data.map(Math.abs));
  const differences = expected.data.map((value, index) => Math.abs(value - at(actual.data, index)));
  return Math.max(...differences) / largest;
}

/** Standard normal values from a seed. */
export function normal64(shape: Shape, seed: number): Tensor64 {
  const random = new Random(seed, 'normal64');
  return { shape, data: Float64Array.from({ length: elementCount(shape) }, () => random.normal()) };
}

/** The sum of the products of two tensors: makes a scalar with a known gradient of any output. */
export function dot(a: Tensor64, b: Tensor64): number {
  return a.data.reduce((sum, value, index) => sum + value * at(b.data, index), 0);
}

/** The slope of a scalar function along a direction, by the same central difference. */
export function directionalDerivative(
  f: () => number,
  value: Tensor64,
  direction: Tensor64,
  h = 1e-6,
): number {
  const centre = value.data.slice();
  const sampled = (offset: number): number => {
    value.data.forEach((_, index) => {
      value.data[index] = at(centre, index) + offset * at(direction.data, index);
    });
    return f();
  };
  const difference = sampled(h) - sampled(-h);
  value.data.set(centre);
  return difference / (2 * h);
}
