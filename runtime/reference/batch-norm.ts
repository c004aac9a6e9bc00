import type { BatchNorm } from '../model/graph';
import { addAt, at, channelAxes, zeros64, type Tensor64 } from './tensor64';

/** A batch norm's tensors, each of shape (channels). */
export interface BatchNormState {
  readonly weight: Tensor64;
  readonly bias: Tensor64;
  readonly runningMean: Tensor64;
  readonly runningVar: Tensor64;
}

/** What the backward pass needs of the forward's statistics, a value a channel. */
export interface BatchStatistics {
  readonly mean: Float64Array;
  /** 1 / sqrt(biased variance + epsilon). */
  readonly inverseStd: Float64Array;
}

/**
 * Training forward: normalises by the batch's own mean and biased variance, and moves the running
 * statistics in place as PyTorch does: running += momentum (batch - running), the variance unbiased.
 *
 * @param input (N, C, H, W) or (N, C)
 */
export function batchNormTraining(
  input: Tensor64,
  state: BatchNormState,
  { epsilon, momentum }: Pick<BatchNorm, 'epsilon' | 'momentum'>,
): { output: Tensor64; statistics: BatchStatistics } {
  const { samples, channels, pixels } = channelAxes(input.shape);
  const count = samples * pixels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  forEachValue(input, (index, c) => {
    addAt(mean, c, at(input.data, index) / count);
  });
  forEachValue(input, (index, c) => {
    addAt(variance, c, (at(input.data, index) - at(mean, c)) ** 2 / count);
  });
  for (let c = 0; c < channels; c++) {
    const unbiased = (at(variance, c) * count) / (count - 1);
    const { runningMean, runningVar } = state;
    addAt(runningMean.data, c, momentum * (at(mean, c) - at(runningMean.data, c)));
    addAt(runningVar.data, c, momentum * (unbiased - at(runningVar.data, c)));
  }
  const inverseStd = variance.map((value) => 1 / Math.sqrt(value + epsilon));
  return { output: affine(input, state, mean, inverseStd), statistics: { mean, inverseStd } };
}

/** Evaluation forward: normalises by the running statistics. */
export function batchNormEvaluation(
  input: Tensor64,
  state: BatchNormState,
  epsilon: number,
): Tensor64 {
  const inverseStd = state.runningVar.data.map((value) => 1 / Math.sqrt(value + epsilon));
  return affine(input, state, state.runningMean.data, inverseStd);
}

/**
 * Gradients of {@link batchNormTraining}. With xhat = (x - mean) inverseStd and m values a channel:
 * dx = weight inverseStd (dy - sum(dy) / m - xhat sum(dy xhat) / m),
 * dWeight = sum(dy xhat), dBias = sum(dy). Source: Ioffe and Szegedy 2015, arXiv 1502.03167.
 */
export function batchNormBackward(
  outputGradient: Tensor64,
  input: Tensor64,
  weight: Tensor64,
  { mean, inverseStd }: BatchStatistics,
): { inputGradient: Tensor64; weightGradient: Tensor64; biasGradient: Tensor64 } {
  const { samples, channels, pixels } = channelAxes(input.shape);
  const count = samples * pixels;
  const weightGradient = zeros64([channels]);
  const biasGradient = zeros64([channels]);
  const normalised = (index: number, c: number): number =>
    (at(input.data, index) - at(mean, c)) * at(inverseStd, c);
  forEachValue(input, (index, c) => {
    const dy = at(outputGradient.data, index);
    addAt(weightGradient.data, c, dy * normalised(index, c));
    addAt(biasGradient.data, c, dy);
  });
  const inputGradient = zeros64(input.shape);
  forEachValue(input, (index, c) => {
    const common = at(biasGradient.data, c) / count;
    const along = (normalised(index, c) * at(weightGradient.data, c)) / count;
    inputGradient.data[index] =
      at(weight.data, c) * at(inverseStd, c) * (at(outputGradient.data, index) - common - along);
  });
  return { inputGradient, weightGradient, biasGradient };
}

function affine(
  input: Tensor64,
  { weight, bias }: BatchNormState,
  mean: Float64Array,
  inverseStd: Float64Array,
): Tensor64 {
  const output = zeros64(input.shape);
  forEachValue(input, (index, c) => {
    const normalised = (at(input.data, index) - at(mean, c)) * at(inverseStd, c);
    output.data[index] = normalised * at(weight.data, c) + at(bias.data, c);
  });
  return output;
}

function forEachValue({ shape }: Tensor64, visit: (index: number, channel: number) => void): void {
  const { samples, channels, pixels } = channelAxes(shape);
  let index = 0;
  for (let n = 0; n < samples; n++) {
    for (let c = 0; c < channels; c++) {
      for (let pixel = 0; pixel < pixels; pixel++, index++) visit(index, c);
    }
  }
}
