import { afterEach, expect, test } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import type { OptimizerConfig, StageSpec } from '../engine';
import { initialize } from '../model/initialize';
import { buildResNet } from '../model/resnet';
import { Random } from '../random';
import { normal64 } from '../reference/finite-difference';
import { ReferenceStage } from '../reference/stage';
import { toFloat32, toFloat64, type Tensor64 } from '../reference/tensor64';
import type { NamedTensors, Shape, Tensor } from '../tensor';
import { WebGpuEngine } from './engine';

/*
 * Whole stages on the GPU and in float64, step by step. Tolerances are relative to the largest value
 * of each tensor, and an order of magnitude above what float32 shows.
 */

const fixture = dawnFixture();
const normal = (shape: Shape, seed: number): Tensor => toFloat32(normal64(shape, seed));

const common = { microBatchSize: 3, numMicroBatches: 2, maxInFlight: 2, needsInputGradient: true };

let engine: WebGpuEngine;
afterEach(() => engine.dispose());

async function begin(spec: StageSpec): Promise<ReferenceStage> {
  engine = new WebGpuEngine({ device: fixture.device, description: 'Dawn' });
  await engine.load(spec);
  const state = initialize(spec.units, 7);
  await engine.importState(state);
  return new ReferenceStage(spec, state);
}

/** The largest difference in any of the tensors, relative to the tensor's largest value. */
function worst(actual: NamedTensors, expected: ReadonlyMap<string, Tensor64>): number {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  return Math.max(...[...expected].map(([name, value]) => difference(actual.get(name), value)));
}

function difference(actual: Tensor | null | undefined, { data, shape }: Tensor64): number {
  expect(actual?.shape).toEqual(shape);
  const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  const apart = (most: number, value: number, index: number): number =>
    Math.max(most, Math.abs(value - (actual?.data[index] ?? Infinity)));
  return data.reduce(apart, 0) / largest;
}

test.each<OptimizerConfig>([
  { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
  // With a smaller epsilon a gradient of nearly zero moves its weight by chance in either direction.
  { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-3, weightDecay: 0.01 },
])('ResNet-20 takes two steps as in float64: %j', async (optimizer) => {
  const { units } = buildResNet({ architecture: 'resnet20', stem: 'cifar', numClasses: 10 });
  const loss = { labelSmoothing: 0.1 };
  // Once with the halves of the backward planned as one, once apart.
  const splitsBackward = optimizer.kind === 'adamw';
  const inputShape = [3, 11, 9];
  const reference = await begin({
    ...common,
    units,
    inputShape,
    loss,
    optimizer,
    splitsBackward,
  });
  const random = new Random(7, 'labels');
  for (let step = 1; step <= 2; step++) {
    for (const microBatch of [0, 1]) {
      const input = normal([3, 3, 11, 9], 10 * step + microBatch);
      const labels = Int32Array.from({ length: 3 }, () => random.integer(10));
      const actual = await engine.forwardLoss(microBatch, input, labels);
      const expected = reference.forwardLoss(microBatch, toFloat64(input), labels);
      expect(Math.abs(actual.loss - expected.loss)).toBeLessThan(1e-5);
      expect(actual.correct).toBe(expected.correct);
    }
    for (const microBatch of [0, 1]) {
      const gradient = await engine.backward(microBatch, null);
      expect(difference(gradient, reference.backward(microBatch, null))).toBeLessThan(1e-4);
    }
    expect(worst(await engine.exportGradients(), reference.gradients)).toBeLessThan(1e-4);
    await engine.applyOptimizer({ learningRate: 0.01, step });
    reference.applyOptimizer({ learningRate: 0.01, step });
    expect(worst(await engine.exportState(), reference.state)).toBeLessThan(1e-4);
  }
  const input = normal([3, 3, 11, 9], 99);
  const logits = reference.evaluate(toFloat64(input));
  expect(difference(await engine.evaluate(input), logits)).toBeLessThan(1e-4);
});

test('a first stage of ResNet-18, the halves of the backward pass apart', async () => {
  const { units } = buildResNet({ architecture: 'resnet18', stem: 'imagenet', numClasses: 10 });
  const optimizer = { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 } as const;
  const inputShape = [3, 21, 19];
  // The stem with its max pool, a plain block, and a projection shortcut.
  const chosen = ['stem', 'layer1.0', 'layer2.0'].flatMap(
    (wanted) => units.find(({ name }) => name === wanted) ?? [],
  );
  const reference = await begin({ ...common, units: chosen, inputShape, optimizer });
  const outputs = [];
  for (const microBatch of [0, 1]) {
    const input = normal([3, ...inputShape], microBatch);
    const expected = reference.forward(microBatch, toFloat64(input));
    outputs.push(expected);
    expect(difference(await engine.forward(microBatch, input), expected)).toBeLessThan(1e-5);
  }
  for (const [microBatch, { shape }] of outputs.entries()) {
    const outputGradient = normal(shape, 5 + microBatch);
    const gradient = await engine.backwardInput(microBatch, outputGradient);
    const expected = reference.backward(microBatch, toFloat64(outputGradient));
    expect(difference(gradient, expected)).toBeLessThan(1e-4);
  }
  for (const microBatch of [0, 1]) await engine.backwardWeight(microBatch);
  expect(worst(await engine.exportGradients(), reference.gradients)).toBeLessThan(1e-4);
});
