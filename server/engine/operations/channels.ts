import { elementCount, type Shape } from '../../../runtime/tensor';
import {
  blockedChannelMeans,
  blockedSumOfProducts,
  scaledBlocks,
  type Finish,
} from '../onnx/blocked-layout';
import { memory, type LaidOut } from '../onnx/layout';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, reduce, reshape } from '../onnx/operators';

/*
 * What batch norm is made of, for values of shape (N, C, H, W), in plain order or in blocks, and
 * (N, C).
 */

/** relu(scale x + bias + sum), scale and bias one a channel: in one pass, written over `sum`. */
export function affine(
  graph: ModelBuilder,
  x: LaidOut,
  scale: Value,
  { bias, sum, relu }: Finish,
): LaidOut {
  if (x.blockSize !== undefined) return scaledBlocks(graph, x, scale, { bias, sum, relu });
  const [, channels = 0, ...pixels] = x.shape;
  const shift = bias ?? graph.floats([channels], new Float32Array(channels));
  if (pixels.length > 0) {
    const one = pixels.map(() => 1);
    const inputs = [x, reshape(graph, scale, [channels, 1, ...one]), shift];
    if (sum) inputs.push(memory(sum));
    const attributes = { kernel_shape: one, group: channels };
    const fused = relu ? { ...attributes, activation: 'Relu' } : attributes;
    return graph.node('FusedConv', inputs, x.shape, fused, 'com.microsoft');
  }
  const scaled = elementWise(graph, 'Add', elementWise(graph, 'Mul', x, scale), shift);
  const summed = sum ? elementWise(graph, 'Add', scaled, memory(sum)) : scaled;
  return relu ? graph.node('Relu', [summed], x.shape) : summed;
}

/** The mean over a channel; shape (C). */
export function channelMeans(graph: ModelBuilder, x: LaidOut): Value {
  return x.blockSize === undefined
    ? reduce(graph, 'ReduceMean', x, axesButChannels(x.shape), { keep: false })
    : blockedChannelMeans(graph, x);
}

/** Below so many pixels setting up a convolution for each plane costs more than it saves. */
const fewPixels = 128;

/**
 * The sum of a b over a channel, for a and b of one shape; shape (C).
 *
 * As a grouped convolution whose filter is the whole of `b`: it reads both once and writes next to
 * nothing, in half the time of ReduceSumSquare, or of Mul and ReduceSum.
 */
export function sumOfProducts(graph: ModelBuilder, a: LaidOut, b: LaidOut): Value {
  if (a.blockSize !== undefined && b.blockSize !== undefined) {
    return blockedSumOfProducts(graph, a, b);
  }
  return reduce(graph, 'ReduceSum', planeProducts(graph, a, b), [0], { keep: false });
}

/** (N, C) */
function planeProducts(graph: ModelBuilder, a: LaidOut, b: LaidOut): Value {
  const [samples = 0, channels = 0, ...pixels] = a.shape;
  if (elementCount(pixels) < fewPixels) {
    const products = elementWise(graph, 'Mul', memory(a), memory(b));
    const axes = pixels.map((_, axis) => axis + 2);
    return axes.length === 0
      ? products
      : reduce(graph, 'ReduceSum', products, axes, { keep: false });
  }
  const planes = samples * channels;
  const sums = graph.node(
    'Conv',
    [
      reshape(graph, memory(a), [1, planes, ...pixels]),
      reshape(graph, memory(b), [planes, 1, ...pixels]),
    ],
    [1, planes, ...pixels.map(() => 1)],
    { group: planes },
  );
  return reshape(graph, sums, [samples, channels]);
}

export function valuesAChannel(shape: Shape): number {
  return elementCount(shape) / (shape[1] ?? 1);
}

function axesButChannels(shape: Shape): number[] {
  return shape.map((_, axis) => axis).filter((axis) => axis !== 1);
}
