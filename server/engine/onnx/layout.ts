import type { Shape } from '../../../runtime/tensor';
import type { Attribute } from './schema';
import type { ModelBuilder, Value } from './model-builder';

/**
 * A value in ONNX Runtime's blocked layout (N, C / B, H, W, B). Its shape is still (N, C, H, W), as
 * the operators of that layout give it; a standard operator would misread it silently, so it isn't
 * a {@link Value}, and no graph takes it for one.
 */
export interface Blocked {
  readonly name: string;
  readonly shape: Shape;
  /** B: channels of a block. */
  readonly blockSize: number;
}

export type LaidOut = Value | Blocked;

/** The domain of the blocked layout's operators. */
export const blockedDomain = 'com.microsoft.nchwc';

/**
 * Which layout values of a shape have all through a stage's graphs: pictures whose channels fill
 * blocks are blocked. It depends on nothing else, so that graphs hand values to each other as
 * they are.
 *
 * @param blockSize of the stage; undefined for standard operators alone
 * @returns the block size; undefined for plain order
 */
export function layoutOf(shape: Shape, blockSize: number | undefined): number | undefined {
  const [, channels = 0] = shape;
  const fits = blockSize !== undefined && shape.length === 4 && channels % blockSize === 0;
  return fits ? blockSize : undefined;
}

/** The value in the layout that {@link layoutOf} gives, reordered where it has another. */
export function laidOut(
  graph: ModelBuilder,
  value: LaidOut,
  blockSize: number | undefined,
): LaidOut {
  const wanted = layoutOf(value.shape, blockSize);
  if (wanted === value.blockSize) return value;
  if (wanted === undefined) return plain(graph, value);
  return blocked(reorderInput(graph, memory(value)), wanted);
}

/** From (N, C, H, W), or with `channelsLast` (N, H, W, C), to the blocked layout; its shape. */
export function reorderInput(
  graph: ModelBuilder,
  value: Value,
  { channelsLast = false } = {},
): Value {
  const [samples = 0, ...sizes] = value.shape;
  if (!channelsLast) return graph.node('ReorderInput', [value], value.shape, {}, blockedDomain);
  const [height = 0, width = 0, channels = 0] = sizes;
  const shape = [samples, channels, height, width];
  return graph.node('ReorderInput', [value], shape, { channels_last: 1 }, blockedDomain);
}

/** The value in plain order. */
export function plain(graph: ModelBuilder, value: LaidOut): Value {
  if (value.blockSize === undefined) return value;
  const { shape } = value;
  const [, channels = 0] = shape;
  return graph.node('ReorderOutput', [memory(value)], shape, { channels }, blockedDomain);
}

/** Says that the memory of a value of shape (N, C, H, W) is in blocks. */
export function blocked({ name, shape }: Value, blockSize: number): Blocked {
  return { name, shape, blockSize };
}

/** A value's memory, whatever its order: for operators to which the order makes no difference. */
export function memory({ name, shape }: LaidOut): Value {
  return { name, shape };
}

/** A node that treats each element alike, of values of one shape and layout. */
export function eachElement(
  graph: ModelBuilder,
  opType: string,
  values: readonly LaidOut[],
  attributes: Readonly<Record<string, Attribute>> = {},
): LaidOut {
  const [first, ...others] = values;
  if (!first) throw new Error(`${opType}: expected a value, got none`);
  for (const { shape, blockSize } of others) {
    const isAlike = shape.join() === first.shape.join() && blockSize === first.blockSize;
    if (!isAlike) throw new Error(`${opType}: expected values of one shape and layout`);
  }
  const result = graph.node(opType, values.map(memory), first.shape, attributes);
  return first.blockSize === undefined ? result : blocked(result, first.blockSize);
}
