import { expect, test } from 'vitest';
import type { TrainConfig } from './config';
import { planPipeline } from './plan';

const config: TrainConfig = {
  model: { architecture: 'resnet20', numClasses: 10, stem: 'cifar' },
  imageSize: 32,
  batchSize: 32,
  microBatchSize: 8,
  steps: 1,
  epochs: null,
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
  learningRate: { schedule: 'constant', peak: 0.1, warmupSteps: 0 },
  labelSmoothing: 0,
  schedule: '1f1b',
  recompute: 'auto',
  precision: 'f32',
  cut: ['layer2.0', 'layer3.0'],
  seed: 1,
};

test('each stage gets its units, the shape before them, and the memory that the schedule needs', () => {
  const { assignments } = planPipeline(config, ['layer2.0', 'layer3.0']);
  expect(
    assignments.map(({ firstUnit, lastUnit, inputShape, maxInFlight }) => [
      `${firstUnit} to ${lastUnit}`,
      inputShape,
      maxInFlight,
    ]),
  ).toEqual([
    ['stem to layer1.2', [3, 32, 32], 3],
    ['layer2.0 to layer2.2', [16, 32, 32], 2],
    ['layer3.0 to head', [32, 16, 16], 1],
  ]);
});

test.each(['gpipe', 'hybrid', '1f1b'] as const)(
  '%s has no half of a backward apart, so that output gradients can share memory',
  (schedule) => {
    const { assignments } = planPipeline({ ...config, schedule }, ['layer2.0']);
    expect(assignments.map(({ splitsBackward }) => splitsBackward)).toEqual([false, false]);
  },
);
