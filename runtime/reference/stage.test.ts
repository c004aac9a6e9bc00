import { expect, test } from 'vitest';
import type { StageSpec } from '../engine';
import { initialize } from '../model/initialize';
import { buildResNet, type ModelConfig } from '../model/resnet';
import { directionalDerivative, dot, normal64 } from './finite-difference';
import { ReferenceStage } from './stage';
import type { Tensor64 } from './tensor64';

function build(architecture: ModelConfig['architecture'], names: readonly string[]): StageSpec {
  const stem = architecture === 'resnet20' ? 'cifar' : 'imagenet';
  const { units } = buildResNet({ architecture, stem, numClasses: 3 });
  return {
    units: units.filter(({ name }) => names.includes(name)),
    inputShape: [],
    microBatchSize: 3,
    numMicroBatches: 2,
    maxInFlight: 2,
    needsInputGradient: true,
    loss: { labelSmoothing: 0.1 },
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0.1 },
  };
}

/** Holds each gradient against the slope of `loss` along a random direction. */
function expectGradients(stage: ReferenceStage, loss: () => number, input: Tensor64, dx: Tensor64) {
  const compare = (name: string, value: Tensor64, gradient: Tensor64): void => {
    const direction = normal64(value.shape, 99);
    const slope = directionalDerivative(loss, value, direction);
    expect(Math.abs(dot(gradient, direction) - slope), name).toBeLessThan(
      1e-6 * (Math.abs(slope) + 1),
    );
  };
  const gradients = new Map(
    [...stage.gradients].map(([name, { data, shape }]) => [name, { shape, data: data.slice() }]),
  );
  compare('input', input, dx);
  for (const [name, gradient] of gradients) {
    const value = stage.state.get(name);
    if (value) compare(name, value, gradient);
  }
}

test('gradients of both shortcuts and the head, from the loss to the input', () => {
  const spec = build('resnet20', ['layer2.2', 'layer3.0', 'head']);
  const stage = new ReferenceStage(spec, initialize(spec.units, 1));
  const input = normal64([3, 32, 4, 4], 2);
  const labels = Int32Array.of(2, 0, 1);
  // A step has two micro-batches, so each weighs one half.
  const loss = (): number => stage.forwardLoss(1, input, labels).loss / 2;
  stage.forwardLoss(0, input, labels);
  expectGradients(stage, loss, input, stage.backward(0, null));
});

test('gradients of a projection shortcut', () => {
  const spec = build('resnet18', ['layer2.0']);
  const stage = new ReferenceStage(spec, initialize(spec.units, 1));
  const input = normal64([2, 64, 3, 3], 2);
  const dy = normal64(stage.forward(0, input).shape, 3);
  const loss = (): number => dot(stage.forward(1, input), dy);
  expectGradients(stage, loss, input, stage.backward(0, dy));
});

test('gradients of the ImageNet stem', () => {
  const spec = build('resnet18', ['stem']);
  const stage = new ReferenceStage(spec, initialize(spec.units, 1));
  const input = normal64([2, 3, 9, 7], 2);
  const dy = normal64(stage.forward(0, input).shape, 3);
  const loss = (): number => dot(stage.forward(1, input), dy);
  expectGradients(stage, loss, input, stage.backward(0, dy));
});

test('micro-batches sum their gradients, and a step moves the weights and clears them', () => {
  const spec = build('resnet20', ['head']);
  const stage = new ReferenceStage(spec, initialize(spec.units, 1));
  const bias = stage.state.get('fc.bias');
  const before = bias?.data.slice() ?? [];
  for (const microBatch of [0, 1]) {
    stage.forwardLoss(microBatch, normal64([3, 64, 1, 1], microBatch), Int32Array.of(0, 1, 1));
  }
  for (const microBatch of [0, 1]) stage.backward(microBatch, null);
  const gradient = stage.gradients.get('fc.bias')?.data.slice() ?? new Float64Array();
  expect(Math.abs(gradient[0] ?? 0)).toBeGreaterThan(0.01);
  // Softmax gradients sum to zero over the classes.
  expect(gradient.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 12);
  stage.applyOptimizer({ learningRate: 0.5, step: 1 });
  bias?.data.forEach((value, index) => {
    const old = before[index] ?? NaN;
    expect(value).toBeCloseTo(old - 0.5 * ((gradient[index] ?? NaN) + 0.1 * old), 12);
  });
  expect([...(stage.gradients.get('fc.bias')?.data ?? [])]).toEqual([0, 0, 0]);
});

test('evaluation moves nothing', () => {
  const spec = build('resnet20', ['layer2.2']);
  const stage = new ReferenceStage(spec, initialize(spec.units, 1));
  const before = stage.exportState();
  stage.evaluate(normal64([1, 32, 4, 4], 2));
  expect(stage.exportState()).toEqual(before);
});
