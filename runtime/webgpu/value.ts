import type { Precision } from '../engine';
import type { Shape } from '../tensor';
import type { Region } from './memory';

/**
 * How a value lies in GPU memory: NHWC with the channels in blocks of four,
 * `array<Value4>[((n * height + y) * width + x) * blocks + block]`. The lanes behind the last
 * channel hold zeros; every kernel that writes a value writes them so. A value of shape (C), behind
 * the pooling, has height = width = 1. `Value4` is vec4f, or vec4h where values are stored as f16.
 */
export interface ValueLayout {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** ceil(channels / 4). */
  readonly blocks: number;
}

/** An activation, or the gradient of one. */
export interface Value {
  readonly layout: ValueLayout;
  readonly region: Region;
}

/** The layout of `batch` samples of shape (C, H, W) or (C). */
export function valueLayout(batch: number, shape: Shape): ValueLayout {
  const [channels = 1, height = 1, width = 1] = shape;
  return { batch, height, width, channels, blocks: Math.ceil(channels / 4) };
}

/** The number of vectors of four. */
export function vectorCount({ batch, height, width, blocks }: ValueLayout): number {
  return batch * height * width * blocks;
}

export function valueBytes(layout: ValueLayout, precision: Precision = 'f32'): number {
  return vectorCount(layout) * (precision === 'f16' ? 8 : 16);
}
