import { expect, test } from 'vitest';
import { buildResNet } from '../model/resnet';
import { ReferenceEngine } from './engine';

test('says what a stage will hold before its state has come', async () => {
  const { units } = buildResNet({ architecture: 'resnet20', stem: 'cifar', numClasses: 3 });
  const engine = new ReferenceEngine();
  expect(engine.memoryBytes()).toBe(0);
  await engine.load({
    units: units.slice(-1),
    inputShape: [64, 8, 8],
    microBatchSize: 2,
    numMicroBatches: 1,
    maxInFlight: 1,
    needsInputGradient: true,
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
  });
  // Weight and bias of 64 x 3 and 3, their gradients and momentum, in float64.
  expect(engine.memoryBytes()).toBe(8 * 3 * (64 * 3 + 3));
});
