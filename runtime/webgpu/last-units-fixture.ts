import type { StageSpec } from '../engine';
import { buildResNet } from '../model/resnet';

/** A stage of ResNet-20's last units, with the loss: two micro-batches of 2 x 64 x height x width. */
export function lastUnits(count: number, height: number, width: number): StageSpec {
  const { units } = buildResNet({ architecture: 'resnet20', numClasses: 10, stem: 'cifar' });
  return {
    units: units.slice(-count),
    inputShape: [64, height, width],
    microBatchSize: 2,
    numMicroBatches: 2,
    maxInFlight: 2,
    needsInputGradient: true,
    loss: { labelSmoothing: 0 },
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
  };
}
