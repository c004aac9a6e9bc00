import type { Convolution } from '../../../runtime/model/graph';
import type { Shape } from '../../../runtime/tensor';
import {
  blockedConvolution,
  channelsLast,
  fitsBlocks,
  spreadBlocks,
  type Finish,
} from '../onnx/blocked-layout';
import {
  blockedWeightGradient,
  blockGradient,
  fitsWeightGradient,
} from '../onnx/blocked-weight-gradient';
import { plain, type LaidOut } from '../onnx/layout';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { convolutionSideBySide, isNarrow } from '../onnx/side-by-side';
import { reduce, reshape, slice, spreadPixels, transpose } from '../onnx/operators';

/** Which of a convolution's weights a graph reads, each in the order that it needs. */
export interface WeightOrder {
  /** Turned by half a turn, the channel axes swapped: (inChannels, outChannels, kernel, kernel). */
  readonly rotated: boolean;
  /** Channels of a block in the blocked layout; undefined for the plain order. */
  readonly blockSize: number | undefined;
}

/** How the forward wants its weights; in this order they are kept. */
export function forwardWeightOrder(
  operation: Convolution,
  blockSize: number | undefined,
): WeightOrder {
  return { rotated: false, blockSize: fits(operation, blockSize) ? blockSize : undefined };
}

/**
 * How the input gradient wants its weights. It is a convolution with the rotated weights, but for
 * kernels that reach over a stride: there it is a transposed convolution, which takes the weights
 * as they are and is slower.
 */
export function inputGradientWeightOrder(
  operation: Convolution,
  blockSize: number | undefined,
): WeightOrder {
  const { stride, padding, kernel } = operation;
  const rotated = (stride === 1 && padding < kernel) || (kernel === 1 && padding === 0);
  const { inChannels, outChannels } = operation;
  const turned = { inChannels: outChannels, outChannels: inChannels };
  const both = rotated && fits(operation, blockSize) && fits(turned, blockSize);
  return { rotated, blockSize: both ? blockSize : undefined };
}

function fits(
  { inChannels, outChannels }: Pick<Convolution, 'inChannels' | 'outChannels'>,
  blockSize: number | undefined,
): boolean {
  return blockSize !== undefined && fitsBlocks(inChannels, outChannels, blockSize);
}

/** @param weight in the order of {@link forwardWeightOrder} */
export function convolution(
  graph: ModelBuilder,
  { kernel, stride, padding }: Pick<Convolution, 'kernel' | 'stride' | 'padding'>,
  input: LaidOut,
  weight: Value,
  { blockSize }: WeightOrder,
  outputShape: Shape,
  finish: Finish = {},
): LaidOut {
  if (blockSize !== undefined) {
    const window = { kernel, stride, padding };
    return isNarrow(input, window)
      ? convolutionSideBySide(graph, input, weight, outputShape, window, finish)
      : blockedConvolution(graph, input, weight, outputShape, window, blockSize, finish);
  }
  const attributes = { strides: [stride, stride], pads: [padding, padding, padding, padding] };
  const { bias, sum, relu } = finish;
  const inputs = [plain(graph, input), weight, ...(bias ? [bias] : [])];
  if (!sum && !relu) return graph.node('Conv', inputs, outputShape, attributes);
  const [, channels = 0] = outputShape;
  if (!bias) inputs.push(graph.floats([channels], new Float32Array(channels)));
  if (sum) inputs.push(plain(graph, sum));
  const fused = relu ? { ...attributes, activation: 'Relu' } : attributes;
  return graph.node('FusedConv', inputs, outputShape, fused, 'com.microsoft');
}

/** Whether the input gradient adds a sum to its results in the same pass. */
export function addsSum({ stride }: Convolution, { rotated }: WeightOrder): boolean {
  return rotated && stride === 1;
}

/**
 * @param weight in the order of {@link inputGradientWeightOrder}
 * @param sum added to the gradient; only where {@link addsSum}
 */
export function convolutionInputGradient(
  graph: ModelBuilder,
  operation: Convolution,
  outputGradient: LaidOut,
  weight: Value,
  order: WeightOrder,
  inputShape: Shape,
  sum?: LaidOut,
): LaidOut {
  const { kernel, stride, padding, inChannels } = operation;
  if (order.rotated) {
    const around = kernel - 1 - padding;
    const [samples = 0, , ...size] = outputGradient.shape;
    const pixels = size.map((count) => count + 2 * around - kernel + 1);
    const shape = [samples, inChannels, ...pixels];
    const window = { kernel, stride: 1, padding: around };
    const dense = convolution(graph, window, outputGradient, weight, order, shape, { sum });
    if (stride === 1) return dense;
    return dense.blockSize === undefined
      ? spreadPixels(graph, dense, stride, inputShape)
      : spreadBlocks(graph, dense, stride, inputShape);
  }
  // Pixels behind the last window: the plain transposed convolution would leave them out.
  const outputPadding = [2, 3].map((axis) => {
    const reached = ((outputGradient.shape[axis] ?? 0) - 1) * stride + kernel - 2 * padding;
    return (inputShape[axis] ?? 0) - reached;
  });
  return graph.node('ConvTranspose', [plain(graph, outputGradient), weight], inputShape, {
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
    output_padding: outputPadding,
  });
}

/** Partial sums of the weight gradient may take this much, so that they stay near the cache. */
const partialSumsBytes = 24 * 2 ** 20;
const maxPartialSums = 8;

/**
 * The weight gradient dW[o, i, ky, kx] = sum over n, y, x of
 * dOut[n, o, y, x] in[n, i, y s + ky - p, x s + kx - p], as one grouped convolution.
 *
 * The samples play the channels: the input, as (N, H, W C), is the picture, and the output
 * gradient, as (O, N, h, w), the filter, dilated by the stride; along the second axis a pixel is C
 * values wide. The samples are summed in groups first: ONNX Runtime gives each group to one thread
 * whole, whereas it splits an ungrouped convolution by the number of threads, and with it the
 * order of summation. A block of samples goes to {@link blockedWeightGradient}.
 *
 * @returns the gradient in the order of {@link forwardWeightOrder}
 */
export function convolutionWeightGradient(
  graph: ModelBuilder,
  operation: Convolution,
  input: LaidOut,
  outputGradient: LaidOut,
  { blockSize }: WeightOrder,
): Value {
  const { kernel, stride, padding, inChannels, outChannels } = operation;
  const [samples = 0] = input.shape;
  const [, , outHeight = 0, outWidth = 0] = outputGradient.shape;

  // What padding the last windows need; where it is negative they don't reach the last pixels.
  const missing = [2, 3].map((axis) => {
    const size = outputGradient.shape[axis] ?? 0;
    return (size - 1) * stride + kernel - (input.shape[axis] ?? 0) - padding;
  });
  const [belowPadding = 0, rightPadding = 0] = missing.map((pixels) => Math.max(pixels, 0));
  const reachesAll = missing.every((pixels) => pixels >= 0);
  if (reachesAll && fitsWeightGradient(input, outputGradient, kernel)) {
    const ends = { before: padding, below: belowPadding, right: rightPadding };
    return blockedWeightGradient(graph, input, outputGradient, { stride, kernel, ...ends });
  }
  const groups = numPartialSums(samples, inChannels * outChannels * kernel * kernel);
  const last =
    input.blockSize === undefined
      ? transpose(graph, input, [0, 2, 3, 1])
      : channelsLast(graph, input);
  const pixels = cropped(graph, last, missing);
  const [, height = 0, width = 0] = pixels.shape;

  const picture = reshape(graph, pixels, [1, samples, height, width * inChannels]);
  const perGroup = samples / groups;
  const grouped = reshape(graph, plain(graph, outputGradient), [
    groups,
    perGroup,
    outChannels,
    outHeight * outWidth,
  ]);
  const filter = reshape(graph, transpose(graph, grouped, [0, 2, 1, 3]), [
    groups * outChannels,
    perGroup,
    outHeight,
    outWidth,
  ]);
  const partialSums = graph.node(
    'Conv',
    [picture, filter],
    [1, groups * outChannels, kernel, kernel * inChannels],
    {
      group: groups,
      dilations: [stride, stride * inChannels],
      pads: [padding, padding * inChannels, belowPadding, rightPadding * inChannels],
    },
  );
  const size = [groups, outChannels, kernel, kernel, inChannels];
  const sum = reduce(graph, 'ReduceSum', reshape(graph, partialSums, size), [0], { keep: false });
  return blockSize === undefined
    ? transpose(graph, sum, [0, 3, 1, 2])
    : blockGradient(graph, sum, blockSize);
}

/** A divisor of the number of samples; 1 only for a single sample. */
function numPartialSums(samples: number, weights: number): number {
  const divisors = Array.from({ length: samples }, (_, index) => index + 1).filter(
    (divisor) => samples % divisor === 0,
  );
  const wanted = Math.min(maxPartialSums, partialSumsBytes / (4 * weights));
  return divisors.findLast((divisor) => divisor <= wanted && divisor > 1) ?? divisors[1] ?? 1;
}

/** (N, H, W, C) without the pixels that no window reaches. */
function cropped(graph: ModelBuilder, pixels: Value, missing: readonly number[]): Value {
  if (missing.every((count) => count >= 0)) return pixels;
  const end = missing.map((count, axis) => (pixels.shape[axis + 1] ?? 0) + Math.min(count, 0));
  return slice(graph, pixels, [1, 2], { start: [0, 0], end });
}
