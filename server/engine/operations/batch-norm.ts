import type { BatchNorm } from '../../../runtime/model/graph';
import type { LaidOut } from '../onnx/layout';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, scalar } from '../onnx/operators';
import { affine, channelMeans, sumOfProducts, valuesAChannel } from './channels';

/** What a batch norm normalises by: mean and biased variance a channel, of shape (channels). */
export interface Statistics {
  readonly mean: Value;
  readonly variance: Value;
  /** The input minus the mean of its channel. */
  readonly centred: LaidOut;
}

/** The variance is that of the centred values: E[x^2] - mean^2 cancels when |mean| >> std. */
export function batchStatistics(graph: ModelBuilder, input: LaidOut): Statistics {
  const mean = channelMeans(graph, input);
  const centred = centredBy(graph, input, mean);
  const squares = sumOfProducts(graph, centred, centred);
  const count = scalar(graph, valuesAChannel(input.shape));
  return { mean, variance: elementWise(graph, 'Div', squares, count), centred };
}

/** x minus the mean of its channel. */
export function centredBy(graph: ModelBuilder, input: LaidOut, mean: Value): LaidOut {
  const ones = graph.floats(mean.shape, new Float32Array(mean.shape[0] ?? 0).fill(1));
  return affine(graph, input, ones, { bias: graph.node('Neg', [mean], mean.shape) });
}

type Epsilon = Pick<BatchNorm, 'epsilon'>;

/** weight (x - mean) / sqrt(variance + epsilon) + bias, with what is added to it, and a ReLU. */
export function normalise(
  graph: ModelBuilder,
  { epsilon }: Epsilon,
  { centred, variance }: Statistics,
  weight: Value,
  finish: { bias: Value; sum?: LaidOut | undefined; relu?: boolean },
): LaidOut {
  const { inverseStd } = inverses(graph, variance, epsilon);
  return affine(graph, centred, elementWise(graph, 'Mul', weight, inverseStd), finish);
}

export interface BatchNormGradients {
  readonly input: () => LaidOut;
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
  { epsilon }: Epsilon,
  outputGradient: LaidOut,
  { centred, variance }: Statistics,
  weight: Value,
): BatchNormGradients {
  const mul = (a: Value, b: Value): Value => elementWise(graph, 'Mul', a, b);
  const { inverseStd, inverseVariance } = inverses(graph, variance, epsilon);
  const gradientMean = channelMeans(graph, outputGradient);
  const productSum = sumOfProducts(graph, outputGradient, centred);
  const count = scalar(graph, valuesAChannel(outputGradient.shape));
  return {
    weight: mul(productSum, inverseStd),
    bias: mul(gradientMean, count),
    input: () => {
      const scale = mul(weight, inverseStd);
      const productMean = elementWise(graph, 'Div', productSum, count);
      const negative = graph.node('Neg', [scale], scale.shape);
      const slope = mul(negative, mul(inverseVariance, productMean));
      const sum = affine(graph, outputGradient, scale, { bias: mul(negative, gradientMean) });
      return affine(graph, centred, slope, { sum });
    },
  };
}

function inverses(
  graph: ModelBuilder,
  variance: Value,
  epsilon: number,
): { inverseVariance: Value; inverseStd: Value } {
  const shifted = elementWise(graph, 'Add', variance, scalar(graph, epsilon));
  const inverseVariance = graph.node('Reciprocal', [shifted], shifted.shape);
  const inverseStd = graph.node('Sqrt', [inverseVariance], shifted.shape);
  return { inverseVariance, inverseStd };
}
