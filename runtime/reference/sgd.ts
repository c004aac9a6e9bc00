import type { OptimizerConfig } from '../engine';
import { at, type Tensor64 } from './tensor64';

/**
 * One step of `torch.optim.SGD` without dampening, in place: g = gradient + weightDecay p,
 * buffer = momentum buffer + g, p -= learningRate (nesterov ? g + momentum buffer : buffer).
 *
 * @param momentumBuffer zero before the first step, which then equals PyTorch's; ignored when the
 *   momentum is 0
 */
export function sgd(
  parameter: Tensor64,
  gradient: Tensor64,
  momentumBuffer: Tensor64 | undefined,
  config: Extract<OptimizerConfig, { kind: 'sgd' }>,
  learningRate: number,
): void {
  const { momentum, nesterov, weightDecay } = config;
  parameter.data.forEach((value, index) => {
    const slope = at(gradient.data, index) + weightDecay * value;
    let direction = slope;
    if (momentumBuffer) {
      const buffer = momentum * at(momentumBuffer.data, index) + slope;
      momentumBuffer.data[index] = buffer;
      direction = nesterov ? slope + momentum * buffer : buffer;
    }
    parameter.data[index] = value - learningRate * direction;
  });
}
