import { expect, test } from 'vitest';
import type { StageSpec } from '../engine';
import { countParameters } from '../model/graph';
import { buildResNet } from '../model/resnet';
import { iPhoneLimits } from './device';
import { StageBuffers } from './stage-buffers';
import { planStage } from './stage-plan';

// The stage that "iOS as Acceleration" put on a phone, whose app took over 1.2 GB for it.
const { units } = buildResNet({ architecture: 'resnet34', stem: 'imagenet', numClasses: 1000 });
const stage = units.slice(units.findIndex(({ name }) => name === 'layer3.3'));
const spec: StageSpec = {
  units: stage,
  inputShape: [256, 14, 14],
  microBatchSize: 16,
  numMicroBatches: 8,
  maxInFlight: 2,
  needsInputGradient: true,
  loss: { labelSmoothing: 0 },
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
};

/** Bytes of the buffers, counted without a device. */
function plannedBytes(changed: Partial<StageSpec> = {}): number {
  const planned = { ...spec, ...changed };
  const plan = planStage(planned, iPhoneLimits.maxStorageBufferBindingSize);
  return new StageBuffers(plan, planned.maxInFlight).bytes;
}

test('layer3.3 to the head, micro-batches of 16 at 224 x 224, two in flight', () => {
  // Weights, gradients, momentum.
  const state = 3 * 4 * countParameters(stage);
  const whole = plannedBytes({ splitsBackward: false });
  expect(whole).toBeGreaterThan(state);
  expect(whole).toBeLessThan(360e6);
  // Halves that come apart keep each micro-batch's output gradients.
  expect(plannedBytes()).toBeGreaterThan(whole);
  expect(plannedBytes()).toBeLessThan(420e6);
});
