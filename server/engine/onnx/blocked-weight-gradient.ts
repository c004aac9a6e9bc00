import { elementCount } from '../../../runtime/tensor';
import { paddedBlocks } from './blocked-layout';
import { isPicture } from './blocked-weights';
import { blockedDomain, memory, reorderInput, type Blocked, type LaidOut } from './layout';
import type { ModelBuilder, Value } from './model-builder';
import { combinations, gather, reduce, reshape, transpose } from './operators';

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
/** What the bands' sums may take together. */
const partialSumsBytes = 24 * 2 ** 20;

/** Whether {@link blockedWeightGradient} takes these. */
export function fitsWeightGradient(
  input: LaidOut,
  outputGradient: LaidOut,
  kernel: number,
): input is Blocked {
  const { blockSize, shape } = input;
  const [samples = 0, inChannels = 0] = shape;
  const [, outChannels = 0, height = 0] = outputGradient.shape;
  if (blockSize !== samples || outputGradient.blockSize !== blockSize) return false;
  const rows = rowsOfBand(outputGradient);
  if (rows === undefined) return false;
  const weights = outChannels * inChannels * kernel * kernel;
  return rows === height || 4 * (height / rows) * weights <= partialSumsBytes;
}

/** The most rows of the output gradient that fit the cache and divide its height. */
function rowsOfBand({ shape }: LaidOut): number | undefined {
  const [samples = 0, outChannels = 0, height = 0, width = 0] = shape;
  const atOnce = Math.min(outChannels, blocksAtOnce * samples);
  for (let rows = height; rows > 0; rows--) {
    if (height % rows === 0 && 4 * rows * width * samples * atOnce <= cachedBytes) return rows;
  }
  return undefined;
}

/**
 * The weight gradient as one blocked convolution. The samples, as many as a block has channels,
 * play the channels: the input is a batch of I / B pictures (N, H, W B), the output gradient the
 * filter (O, N, h, w), dilated by the stride; along the second axis a pixel is B values wide.
 * Every value is summed by one thread.
 *
 * Larger pictures leave the cache. They are cut into bands of rows, a group of the convolution
 * each, and the groups' gradients are summed; rows that the windows of two bands read are in both.
 *
 * @returns the gradient in the order that `blockWeights` gives; not of the weights' shape, because
 * ONNX Runtime would copy what leaves the graph to reshape it
 */
export function blockedWeightGradient(
  graph: ModelBuilder,
  input: Blocked,
  outputGradient: LaidOut,
  reach: Reach,
): Value {
  const { stride, kernel } = reach;
  const { blockSize } = input;
  const [, inChannels = 0] = input.shape;
  const [samples = 0, outChannels = 0, outHeight = 0, outWidth = 0] = outputGradient.shape;
  const inBlocks = inChannels / blockSize;
  const outBlocks = outChannels / blockSize;
  const rows = rowsOfBand(outputGradient) ?? outHeight;
  const bands = outHeight / rows;

  const { picture, height, width } = bandsOfInput(graph, input, reach, { rows, bands });
  const filter = bandsOfGradient(graph, memory(outputGradient), blockSize, bands);
  const taps = kernel * kernel;
  const products = graph.node(
    'Conv',
    [
      reshape(graph, picture, [inBlocks, bands * samples, height, width * blockSize]),
      reshape(graph, filter, [bands * outChannels, samples, rows, outWidth]),
    ],
    [inBlocks, bands * outChannels, kernel, kernel * blockSize],
    {
      group: bands,
      kernel_shape: [rows, outWidth],
      strides: [1, 1],
      dilations: [stride, stride * blockSize],
      pads: [0, 0, 0, 0],
    },
    blockedDomain,
  );
  const weightsOfBlock = outBlocks * taps * blockSize * blockSize;
  const groups = reshape(graph, products, [inBlocks, bands, weightsOfBlock]);
  const sums = bands === 1 ? groups : reduce(graph, 'ReduceSum', groups, [1], { keep: false });
  const blocks = reshape(graph, sums, [inBlocks, outBlocks, weightsOfBlock / outBlocks]);
  return transpose(graph, blocks, [1, 0, 2]);
}

/*
 * What follows only moves values, by operators that use all threads, which Transpose and Pad
 * don't: Gather moves whole rows, and ReorderInput puts the samples, as channels, last.
 */

/** (I / B, bands, rows, W B, N), with zeros around the picture. */
function bandsOfInput(
  graph: ModelBuilder,
  input: Blocked,
  { stride, kernel, before, below, right }: Reach,
  { rows, bands }: { rows: number; bands: number },
): { picture: Value; height: number; width: number } {
  const { blockSize } = input;
  const padded = paddedBlocks(graph, input, [before, before, below, right]);
  const [samples = 0, inChannels = 0, paddedHeight = 0, width = 0] = padded.shape;
  const inBlocks = inChannels / blockSize;
  const lineWidth = width * blockSize;
  if (bands === 1) {
    const whole = [1, samples, inBlocks * paddedHeight, lineWidth];
    const picture = reorderInput(graph, reshape(graph, memory(padded), whole));
    return { picture, height: paddedHeight, width };
  }
  const height = (rows - 1) * stride + kernel;
  const lines = reshape(graph, memory(padded), [samples * inBlocks * paddedHeight, lineWidth]);
  const places = combinations(inBlocks, bands, samples, height).map(
    ([block = 0, band = 0, sample = 0, row = 0]) =>
      (sample * inBlocks + block) * paddedHeight + band * rows * stride + row,
  );
  const perBand = [inBlocks * bands, samples, height, lineWidth];
  const picture = reorderInput(graph, reshape(graph, gather(graph, lines, places), perBand));
  return { picture, height, width };
}

/** (bands, O / B, rows, w, N, B) */
function bandsOfGradient(
  graph: ModelBuilder,
  gradient: Value,
  blockSize: number,
  bands: number,
): Value {
  const [samples = 0, channels = 0] = gradient.shape;
  const blocks = channels / blockSize;
  const size = elementCount(gradient.shape) / samples;
  if (bands === 1) {
    const whole = reshape(graph, gradient, [1, 1, samples, size]);
    return reorderInput(graph, whole, { channelsLast: true });
  }
  const count = bands * blocks;
  const pieces = reshape(graph, gradient, [samples * count, size / count]);
  const places = combinations(bands, blocks, samples).map(
    ([band = 0, block = 0, sample = 0]) => (sample * blocks + block) * bands + band,
  );
  const perBand = reshape(graph, gather(graph, pieces, places), [count, 1, samples, size / count]);
  return reorderInput(graph, perBand, { channelsLast: true });
}

/** (O, k, k, I) in the order that `blockWeights` gives. */
export function blockGradient(graph: ModelBuilder, gradient: Value, blockSize: number): Value {
  const [outChannels = 0, height = 0, width = 0, inChannels = 0] = gradient.shape;
  const inBlockSize = isPicture(inChannels) ? 1 : blockSize;
  const size = [outChannels / blockSize, blockSize, height * width];
  const blocks = reshape(graph, gradient, [...size, inChannels / inBlockSize, inBlockSize]);
  return transpose(graph, blocks, [0, 3, 2, 4, 1]);
}
