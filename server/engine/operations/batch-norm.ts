import type { BatchNorm } from '../../../runtime/model/graph';
import { elementCount, type Shape } from '../../../runtime/tensor';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, reduce, reshape, scalar } from '../onnx/operators';
import { sumOfProducts } from './channel-sum';

/** Mean and biased variance a channel, of shape (channels). */
export interface Statistics {
  readonly mean: Value;
  readonly variance: Value;
}

/** The variance is that of the centred values: E[x^2] - mean^2 cancels when |mean| >> std. */
export function batchStatistics(graph: ModelBuilder, input: Value): Statistics {
  const axes = axesButChannels(input.shape);
  const mean = reduce(graph, 'ReduceMean', input, axes, { keep: false });
  const fromMean = centred(graph, input, mean);
  const squares = sumOfProducts(graph, fromMean, fromMean);
  const variance = elementWise(graph, 'Div', squares, scalar(graph, valuesAChannel(input.shape)));
  return { mean, variance };
}

/** x minus the mean of its channel. */
export function centred(graph: ModelBuilder, input: Value, mean: Value): Value {
  return elementWise(graph, 'Sub', input, alongChannels(graph, mean, input.shape));
}

/** weight (x - mean) / sqrt(variance + epsilon) + bias */
export function normalise(
  graph: ModelBuilder,
  { epsilon }: Pick<BatchNorm, 'epsilon'>,
  input: Value,
  { mean, variance }: Statistics,
  weight: Value,
  bias: Value,
): Value {
  return graph.node('BatchNormalization', [input, weight, bias, mean, variance], input.shape, {
    epsilon: { float: epsilon },
  });
}

export interface BatchNormGradients {
  readonly input: () => Value;
  readonly weight: Value;
  readonly bias: Value;
}

/**
 * Gradients through the batch's own statistics. With xc = x - mean, r = 1 / sqrt(variance +
 * epsilon) and E the mean over a channel: dWeight = m r E[dy xc], dBias = m E[dy],
 * dx = weight r (dy - E[dy] - xc r^2 E[dy xc]). Source: Ioffe and Szegedy 2015, arXiv 1502.03167.
 */
export function batchNormGradients(
  graph: ModelBuilder,
  { epsilon }: Pick<BatchNorm, 'epsilon'>,
  outputGradient: Value,
  xCentred: Value,
  variance: Value,
  weight: Value,
): BatchNormGradients {
  const { shape } = outputGradient;
  const mul = (a: Value, b: Value): Value => elementWise(graph, 'Mul', a, b);

  const shifted = elementWise(graph, 'Add', variance, scalar(graph, epsilon));
  const inverseVariance = graph.node('Reciprocal', [shifted], shifted.shape);
  const inverseStd = graph.node('Sqrt', [inverseVariance], shifted.shape);
  const axes = axesButChannels(shape);
  const gradientMean = reduce(graph, 'ReduceMean', outputGradient, axes, { keep: false });
  const productSum = sumOfProducts(graph, outputGradient, xCentred);
  const count = scalar(graph, valuesAChannel(shape));
  return {
    weight: mul(productSum, inverseStd),
    bias: mul(gradientMean, count),
    input: () => {
      const scale = mul(weight, inverseStd);
      const productMean = elementWise(graph, 'Div', productSum, count);
      const negative = graph.node('Neg', [scale], scale.shape);
      const slope = mul(negative, mul(inverseVariance, productMean));
      const shift = mul(negative, gradientMean);
      const scaled = mul(outputGradient, alongChannels(graph, scale, shape));
      return plusAffine(graph, scaled, xCentred, slope, shift);
    },
  };
}

/** sum + slope x + shift, slope and shift one a channel: in one pass, written over `sum`. */
function plusAffine(graph: ModelBuilder, sum: Value, x: Value, slope: Value, shift: Value): Value {
  const [, channels = 0, ...pixels] = x.shape;
  if (pixels.length === 0) {
    const affine = elementWise(graph, 'Add', elementWise(graph, 'Mul', x, slope), shift);
    return elementWise(graph, 'Add', sum, affine);
  }
  const one = pixels.map(() => 1);
  const filter = reshape(graph, slope, [channels, 1, ...one]);
  const attributes = { kernel_shape: one, group: channels };
  return graph.node('FusedConv', [x, filter, shift, sum], x.shape, attributes, 'com.microsoft');
}

function axesButChannels(shape: Shape): number[] {
  return shape.map((_, axis) => axis).filter((axis) => axis !== 1);
}

function valuesAChannel(shape: Shape): number {
  return elementCount(shape) / (shape[1] ?? 1);
}

/** (channels) as (channels, 1, 1), to broadcast over the pixels. */
function alongChannels(graph: ModelBuilder, value: Value, shape: Shape): Value {
  if (shape.length === 2) return value;
  return reshape(graph, value, [shape[1] ?? 1, ...shape.slice(2).map(() => 1)]);
}
