import { isPicture } from './blocked-weights';
import { blockedDomain, memory, type Blocked, type LaidOut } from './layout';
import type { ModelBuilder, Value } from './model-builder';
import { pad, reshape, transpose } from './operators';

/** How far a convolution's windows reach over the picture, at its beginning and its end. */
export interface Reach {
  readonly stride: number;
  readonly kernel: number;
  readonly before: number;
  readonly below: number;
  readonly right: number;
}

/** What a thread's cache holds beside the rest. */
const cachedBytes = 2 ** 20;
/** Blocks of output channels that the blocked convolution computes at once. */
const blocksAtOnce = 4;

/** Whether {@link blockedWeightGradient} takes these; larger pictures leave the cache. */
export function fitsWeightGradient(input: LaidOut, outputGradient: LaidOut): input is Blocked {
  const { blockSize } = input;
  const [samples = 0] = input.shape;
  const [, outChannels = 0, height = 0, width = 0] = outputGradient.shape;
  if (blockSize !== samples || outputGradient.blockSize !== blockSize) return false;
  const atOnce = Math.min(outChannels, blocksAtOnce * blockSize);
  return 4 * height * width * samples * atOnce <= cachedBytes;
}

/**
 * The weight gradient as one blocked convolution. The samples, as many as a block has channels,
 * play the channels: the input is a batch of I / B pictures (N, H, W B), the output gradient the
 * filter (O, N, h, w), dilated by the stride; along the second axis a pixel is B values wide.
 * Every value is summed by one thread.
 *
 * @returns the gradient in the order that `blockWeights` gives; not of the weights' shape, because
 * ONNX Runtime would copy what leaves the graph to reshape it
 */
export function blockedWeightGradient(
  graph: ModelBuilder,
  input: Blocked,
  outputGradient: LaidOut,
  { stride, kernel, before, below, right }: Reach,
): Value {
  const { blockSize } = input;
  const [samples = 0, inChannels = 0, height = 0, width = 0] = input.shape;
  const [, outChannels = 0, outHeight = 0, outWidth = 0] = outputGradient.shape;
  const inBlocks = inChannels / blockSize;
  const outBlocks = outChannels / blockSize;
  // Padding columns is for the convolution slower than for Pad, and rows are not.
  const lines = reshape(graph, memory(input), [samples * inBlocks * height, width * blockSize]);
  const padded = pad(graph, lines, [0, before * blockSize], [0, right * blockSize]);
  const lineWidth = (before + width + right) * blockSize;
  const sampleLast = transpose(
    graph,
    reshape(graph, padded, [samples, inBlocks * height * lineWidth]),
    [1, 0],
  );
  const picture = reshape(graph, sampleLast, [inBlocks, samples, height, lineWidth]);

  const pixels = outHeight * outWidth;
  const perSample = reshape(graph, memory(outputGradient), [
    samples,
    outBlocks * pixels,
    blockSize,
  ]);
  const filter = reshape(graph, transpose(graph, perSample, [1, 0, 2]), [
    outChannels,
    samples,
    outHeight,
    outWidth,
  ]);

  const taps = kernel * kernel;
  const products = graph.node(
    'Conv',
    [picture, filter],
    [inBlocks, outChannels, kernel, kernel * blockSize],
    {
      kernel_shape: [outHeight, outWidth],
      strides: [1, 1],
      dilations: [stride, stride * blockSize],
      pads: [before, 0, below, 0],
    },
    blockedDomain,
  );
  const blocks = reshape(graph, products, [inBlocks, outBlocks, taps * blockSize * blockSize]);
  return transpose(graph, blocks, [1, 0, 2]);
}

/** (O, k, k, I) in the order that `blockWeights` gives. */
export function blockGradient(graph: ModelBuilder, gradient: Value, blockSize: number): Value {
  const [outChannels = 0, height = 0, width = 0, inChannels = 0] = gradient.shape;
  const inBlockSize = isPicture(inChannels) ? 1 : blockSize;
  const size = [outChannels / blockSize, blockSize, height * width];
  const blocks = reshape(graph, gradient, [...size, inChannels / inBlockSize, inBlockSize]);
  return transpose(graph, blocks, [0, 3, 2, 4, 1]);
}
