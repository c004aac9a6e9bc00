import type { Shape } from '../../../runtime/tensor';
import { isPicture } from './blocked-weights';
import { blocked, blockedDomain, memory, type Blocked, type LaidOut } from './layout';
import type { ModelBuilder, Value } from './model-builder';
import { pad, reduce, reshape, slice } from './operators';
import type { Attribute } from './schema';

/*
 * Operators of the blocked layout, in which convolutions run up to twice as fast as in plain order,
 * and a batch norm is one pass. They are internal to ONNX Runtime and undocumented:
 * `block-size` finds out which processors have them.
 */

/** Whether a convolution can be in the blocked layout. */
export function fitsBlocks(inChannels: number, outChannels: number, blockSize: number): boolean {
  return (isPicture(inChannels) || inChannels % blockSize === 0) && outChannels % blockSize === 0;
}

export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** What a convolution does with its results before it writes them. */
export interface Finish {
  /** A value a channel, of shape (outChannels). */
  readonly bias?: Value | undefined;
  /** Added to the results; its memory may be written over. */
  readonly sum?: LaidOut | undefined;
  readonly relu?: boolean | undefined;
}

/**
 * @param input blocked, or a picture in plain order
 * @param weight (outChannels, inChannels, k, k) in the order that `blockWeights` gives
 */
export function blockedConvolution(
  graph: ModelBuilder,
  input: LaidOut,
  weight: Value,
  outputShape: Shape,
  window: Window,
  blockSize: number,
  finish: Finish = {},
): Blocked {
  const inputs = [memory(input), weight, ...finishing(graph, outputShape, finish)];
  const attributes = { ...windowAttributes(window), ...fused(finish) };
  return blocked(graph.node('Conv', inputs, outputShape, attributes, blockedDomain), blockSize);
}

/** scale x, one scale a channel, and {@link Finish}: a convolution of one pixel and one channel. */
export function scaledBlocks(
  graph: ModelBuilder,
  x: Blocked,
  scale: Value,
  finish: Finish,
): Blocked {
  const [, channels = 0] = x.shape;
  const filter = reshape(graph, scale, [channels, 1, 1, 1]);
  const inputs = [memory(x), filter, ...finishing(graph, x.shape, finish)];
  const attributes = {
    ...windowAttributes({ kernel: 1, stride: 1, padding: 0 }),
    ...fused(finish),
    group: channels,
  };
  return blocked(graph.node('Conv', inputs, x.shape, attributes, blockedDomain), x.blockSize);
}

/** The value with zeros above, left, below and right: a convolution too, as Pad has one thread. */
export function paddedBlocks(graph: ModelBuilder, x: Blocked, pads: readonly number[]): Blocked {
  if (pads.every((count) => count === 0)) return x;
  const [samples = 0, channels = 0, height = 0, width = 0] = x.shape;
  const [above = 0, left = 0, below = 0, right = 0] = pads;
  const shape = [samples, channels, above + height + below, left + width + right];
  const ones = graph.floats([channels, 1, 1, 1], new Float32Array(channels).fill(1));
  const attributes = { kernel_shape: [1, 1], strides: [1, 1], pads, group: channels };
  const padded = graph.node('Conv', [memory(x), ones], shape, attributes, blockedDomain);
  return blocked(padded, x.blockSize);
}

/**
 * The sum of a b over a channel; shape (C). As a convolution of a channel each whose filter is the
 * whole of `b`: it reads both once and writes next to nothing.
 */
export function blockedSumOfProducts(graph: ModelBuilder, a: Blocked, b: Blocked): Value {
  const { count, rows, width } = slabsOf(a);
  const attributes = {
    kernel_shape: [rows, width],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    group: count,
  };
  const inputs = [
    reshape(graph, memory(a), [1, count, rows, width]),
    reshape(graph, memory(b), [count, 1, rows, width]),
  ];
  const sums = graph.node('Conv', inputs, [1, count, 1, 1], attributes, blockedDomain);
  return sumOfSlabs(graph, sums, a);
}

/** The mean over a channel; shape (C). */
export function blockedChannelMeans(graph: ModelBuilder, x: Blocked): Value {
  const { count, rows, width } = slabsOf(x);
  const slabs = reshape(graph, memory(x), [1, count, rows, width]);
  const shape = [1, count, 1, 1];
  const means = graph.node('GlobalAveragePool', [slabs], shape, {}, blockedDomain);
  const [, channels = 1] = x.shape;
  const share = graph.floats([], [channels / count]);
  return graph.node('Mul', [sumOfSlabs(graph, means, x), share], [channels]);
}

/** So many pixels are summed one after another; of more, the rounding would add up. */
const pixelsOfSlab = 128;

/** Planes cut into slabs of whole rows, as the memory has them: `count` of a channel each. */
function slabsOf({ shape }: Blocked): { count: number; rows: number; width: number } {
  const [samples = 0, channels = 0, height = 0, width = 0] = shape;
  let rows = height;
  while (rows > 1 && (height % rows !== 0 || rows * width > pixelsOfSlab)) rows--;
  return { count: (samples * channels * height) / rows, rows, width };
}

/** From a value a slab to their sum over each channel; shape (C). */
function sumOfSlabs(graph: ModelBuilder, slabs: Value, { shape, blockSize }: Blocked): Value {
  const [samples = 0, channels = 0] = shape;
  const blocks = channels / blockSize;
  const [, count = 0] = slabs.shape;
  const each = reshape(graph, slabs, [samples, blocks, count / (samples * channels), blockSize]);
  return reshape(graph, reduce(graph, 'ReduceSum', each, [0, 2], { keep: false }), [channels]);
}

/** The mean over the pixels of each plane; shape (N, C), to which the layout makes no difference. */
export function blockedPlaneMeans(graph: ModelBuilder, x: Blocked): Value {
  const [samples = 0, channels = 0] = x.shape;
  const shape = [samples, channels, 1, 1];
  const means = graph.node('GlobalAveragePool', [memory(x)], shape, {}, blockedDomain);
  return reshape(graph, means, [samples, channels]);
}

export function blockedMaxPool(
  graph: ModelBuilder,
  x: Blocked,
  outputShape: Shape,
  window: Window,
): Blocked {
  const attributes = windowAttributes(window);
  const output = graph.node('MaxPool', [memory(x)], outputShape, attributes, blockedDomain);
  return blocked(output, x.blockSize);
}

/** In plain order, the channels last: (N, H, W, C). */
export function channelsLast(graph: ModelBuilder, { name, shape }: Blocked): Value {
  const [samples = 0, channels = 0, height = 0, width = 0] = shape;
  const attributes = { channels, channels_last: 1 };
  const last = [samples, height, width, channels];
  return graph.node('ReorderOutput', [{ name, shape }], last, attributes, blockedDomain);
}

/** A blocked tensor's pixels at every `step`-th place of `shape`, with zeros between. */
export function spreadBlocks(
  graph: ModelBuilder,
  value: Blocked,
  step: number,
  shape: Shape,
): Blocked {
  const { blockSize } = value;
  const [samples = 0, channels = 0, rows = 0, columns = 0] = value.shape;
  const [, , height = 0, width = 0] = shape;
  const planes = (samples * channels) / blockSize;
  const lines = reshape(graph, memory(value), [planes * rows, 1, columns, blockSize]);
  const behind = [0, step - 1, 0, (step - 1) * blockSize];
  const size = [planes, rows * step, columns * step, blockSize];
  const whole = reshape(graph, pad(graph, lines, [0, 0, 0, 0], behind), size);
  const isWhole = rows * step === height && columns * step === width;
  const kept = isWhole
    ? whole
    : slice(graph, whole, [1, 2], { start: [0, 0], end: [height, width] });
  return blocked(reshape(graph, kept, shape), blockSize);
}

function windowAttributes({ kernel, stride, padding }: Window): Record<string, number[]> {
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
}

/** The inputs behind the weights; a sum stands fourth, so that with one there is a bias. */
function finishing(graph: ModelBuilder, outputShape: Shape, { bias, sum }: Finish): Value[] {
  if (!sum) return bias ? [bias] : [];
  const [, channels = 0] = outputShape;
  return [bias ?? graph.floats([channels], new Float32Array(channels)), memory(sum)];
}

function fused({ relu }: Finish): Record<string, Attribute> {
  return relu ? { activation: 'Relu' } : {};
}
