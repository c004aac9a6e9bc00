import type { OptimizerConfig, OptimizerStep } from '../engine';
import { at, type Tensor64 } from './tensor64';

/**
 * One step of `torch.optim.AdamW`, in place (Loshchilov and Hutter 2017, arXiv 1711.05101):
 * p *= 1 - learningRate weightDecay, m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
 * p -= learningRate m / (1 - b1^step) / (sqrt(v / (1 - b2^step)) + epsilon).
 */
export function adamw(
  parameter: Tensor64,
  gradient: Tensor64,
  averages: { readonly expAvg: Tensor64; readonly expAvgSq: Tensor64 },
  config: Extract<OptimizerConfig, { kind: 'adamw' }>,
  { learningRate, step }: OptimizerStep,
): void {
  const { beta1, beta2, epsilon, weightDecay } = config;
  const { expAvg, expAvgSq } = averages;
  parameter.data.forEach((value, index) => {
    const slope = at(gradient.data, index);
    const first = beta1 * at(expAvg.data, index) + (1 - beta1) * slope;
    const second = beta2 * at(expAvgSq.data, index) + (1 - beta2) * slope * slope;
    expAvg.data[index] = first;
    expAvgSq.data[index] = second;
    const mean = first / (1 - beta1 ** step);
    const deviation = Math.sqrt(second / (1 - beta2 ** step));
    parameter.data[index] =
      value * (1 - learningRate * weightDecay) - (learningRate * mean) / (deviation + epsilon);
  });
}
