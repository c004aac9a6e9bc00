import type { Precision } from '../engine';
import { fromHalf, toHalf } from '../half';
import { Random } from '../random';
import { elementCount, type Shape, type Tensor } from '../tensor';

/** Normal values with standard deviation `scale`, the same for the same key. */
export function normal(key: string, shape: Shape, scale = 1): Tensor {
  const random = new Random(1, 'verify', key);
  const data = Float32Array.from({ length: elementCount(shape) }, () => scale * random.normal());
  return { shape, data };
}

/** Whole numbers from -1 to 1: many of any window's values are equal, and negative or zero. */
export function levels(key: string, shape: Shape): Tensor {
  const random = new Random(1, 'verify', key);
  return {
    shape,
    data: Float32Array.from({ length: elementCount(shape) }, () => random.integer(3) - 1),
  };
}

/** Values that a variance can have, from 0.5 on. */
export function variances(key: string, shape: Shape): Tensor {
  const { data } = normal(key, shape);
  return { shape, data: data.map((value) => 0.5 + value * value) };
}

/** The values rounded to what can be stored, so that storing them is no error. */
export function storable({ shape, data }: Tensor, precision: Precision): Tensor {
  return { shape, data: precision === 'f16' ? data.map((value) => fromHalf(toHalf(value))) : data };
}
