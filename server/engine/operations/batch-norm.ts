import type { BatchNorm } from '../../../runtime/model/graph';
import { elementCount, type Shape } from '../../../runtime/tensor';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, reduce, reshape, scalar } from '../onnx/operators';

/** Mean and biased variance a channel, of shape (channels). */
export interface Statistics {
  readonly mean: Value;
  readonly variance: Value;
}

/** The variance is that of the centred values: E[x^2] - mean^2 cancels when |mean| >> std. */
export function batchStatistics(graph: ModelBuilder, input: Value): Statistics {
  const axes = axesButChannels(input.shape);
  const mean = reduce(graph, 'ReduceMean', input, axes, { keep: false });
  const squares = reduce(graph, 'ReduceSumSquare', centred(graph, input, mean), axes, {
    keep: false,
  });
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
  const axes = axesButChannels(shape);
  const mul = (a: Value, b: Value): Value => elementWise(graph, 'Mul', a, b);
  const mean = (value: Value): Value => reduce(graph, 'ReduceMean', value, axes, { keep: false });

  const shifted = elementWise(graph, 'Add', variance, scalar(graph, epsilon));
  const inverseVariance = graph.node('Reciprocal', [shifted], shifted.shape);
  const inverseStd = graph.node('Sqrt', [inverseVariance], shifted.shape);
  const gradientMean = mean(outputGradient);
  const productMean = mean(mul(outputGradient, xCentred));
  const count = scalar(graph, valuesAChannel(shape));
  return {
    weight: mul(mul(productMean, inverseStd), count),
    bias: mul(gradientMean, count),
    input: () => {
      // BatchNormalization as an affine map, one pass: xc r^2 E[dy xc] + E[dy].
      const zero = graph.floats(variance.shape, filled(variance.shape, 0));
      const one = graph.floats(variance.shape, filled(variance.shape, 1));
      const slope = mul(inverseVariance, productMean);
      const along = normalise(
        graph,
        { epsilon: 0 },
        xCentred,
        { mean: zero, variance: one },
        slope,
        gradientMean,
      );
      const remaining = elementWise(graph, 'Sub', outputGradient, along);
      return mul(remaining, alongChannels(graph, mul(weight, inverseStd), shape));
    },
  };
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

function filled(shape: Shape, value: number): number[] {
  return Array.from({ length: elementCount(shape) }, () => value);
}
