import { elementCount, type Shape, type Tensor } from '../tensor';

/** A dense float64 tensor in row-major order: what the reference computes in. */
export interface Tensor64 {
  readonly shape: Shape;
  readonly data: Float64Array;
}

export function zeros64(shape: Shape): Tensor64 {
  return { shape, data: new Float64Array(elementCount(shape)) };
}

/** A float64 copy of a float32 tensor. */
export function toFloat64({ shape, data }: Tensor): Tensor64 {
  return { shape, data: Float64Array.from(data) };
}

/** A float32 copy, each value rounded to the nearest. */
export function toFloat32({ shape, data }: Tensor64): Tensor {
  return { shape, data: Float32Array.from(data) };
}

/** Reads one value; NaN beyond the end, so that a wrong index shows in every result behind it. */
export function at(data: Float64Array, index: number): number {
  return data[index] ?? NaN;
}

/** Adds to one value in place. */
export function addAt(data: Float64Array, index: number, value: number): void {
  data[index] = at(data, index) + value;
}

/** The axes of (N, C, H, W) or (N, C), the pixels of a channel as one axis: 1 for (N, C). */
export function channelAxes(shape: Shape): { samples: number; channels: number; pixels: number } {
  const [samples = 1, channels = 1, ...spatial] = shape;
  return { samples, channels, pixels: elementCount(spatial) };
}
