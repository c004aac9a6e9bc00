import type { OptimizerConfig, OptimizerStep } from '../../runtime/engine';

/** A parameter's tensors, each with as many values as the parameter. */
export interface OptimizedTensor {
  readonly parameter: Float32Array;
  readonly gradient: Float32Array;
  /** By the names of `optimizerSlots`. */
  readonly slots: ReadonlyMap<string, Float32Array>;
}

/** Moves one parameter, and the optimizer's state with it, in place. */
export function optimize(
  config: OptimizerConfig,
  step: OptimizerStep,
  { parameter, gradient, slots }: OptimizedTensor,
): void {
  if (config.kind === 'sgd') {
    const buffer = config.momentum === 0 ? undefined : slot(slots, 'momentum_buffer');
    sgd(config, step.learningRate, parameter, gradient, buffer);
  } else {
    adamw(config, step, parameter, gradient, slot(slots, 'exp_avg'), slot(slots, 'exp_avg_sq'));
  }
}

/*
 * Each value is worked out in float64 and rounded once to float32. The `?? 0` is for the type
 * checker: all arrays have one length.
 */

/**
 * `torch.optim.SGD` without dampening: g += weightDecay p; buffer = momentum buffer + g; …
 *
 * A loop for each case: one with the cases inside takes half as long again.
 */
function sgd(
  { momentum, nesterov, weightDecay }: Extract<OptimizerConfig, { kind: 'sgd' }>,
  learningRate: number,
  parameter: Float32Array,
  gradient: Float32Array,
  buffer: Float32Array | undefined,
): void {
  if (!buffer) {
    for (let index = 0; index < parameter.length; index++) {
      const value = parameter[index] ?? 0;
      parameter[index] = value - learningRate * ((gradient[index] ?? 0) + weightDecay * value);
    }
  } else if (nesterov) {
    for (let index = 0; index < parameter.length; index++) {
      const value = parameter[index] ?? 0;
      const slope = (gradient[index] ?? 0) + weightDecay * value;
      const moved = Math.fround(momentum * (buffer[index] ?? 0) + slope);
      buffer[index] = moved;
      parameter[index] = value - learningRate * (slope + momentum * moved);
    }
  } else {
    for (let index = 0; index < parameter.length; index++) {
      const value = parameter[index] ?? 0;
      const slope = (gradient[index] ?? 0) + weightDecay * value;
      const moved = Math.fround(momentum * (buffer[index] ?? 0) + slope);
      buffer[index] = moved;
      parameter[index] = value - learningRate * moved;
    }
  }
}

/** `torch.optim.AdamW` (Loshchilov and Hutter 2017, arXiv 1711.05101). */
function adamw(
  { beta1, beta2, epsilon, weightDecay }: Extract<OptimizerConfig, { kind: 'adamw' }>,
  { learningRate, step }: OptimizerStep,
  parameter: Float32Array,
  gradient: Float32Array,
  average: Float32Array,
  averageOfSquares: Float32Array,
): void {
  const stepSize = learningRate / (1 - beta1 ** step);
  const correction = Math.sqrt(1 - beta2 ** step);
  const kept = 1 - learningRate * weightDecay;
  for (let index = 0; index < parameter.length; index++) {
    const slope = gradient[index] ?? 0;
    const mean = Math.fround(beta1 * (average[index] ?? 0) + (1 - beta1) * slope);
    const square = Math.fround(
      beta2 * (averageOfSquares[index] ?? 0) + (1 - beta2) * slope * slope,
    );
    average[index] = mean;
    averageOfSquares[index] = square;
    const deviation = Math.sqrt(square) / correction + epsilon;
    parameter[index] = (parameter[index] ?? 0) * kept - (stepSize * mean) / deviation;
  }
}

function slot(slots: ReadonlyMap<string, Float32Array>, name: string): Float32Array {
  const values = slots.get(name);
  if (!values) throw new Error(`expected the optimizer's slot '${name}', got none`);
  return values;
}
