import { afterEach, expect, test, vi } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import type { StageSpec } from '../engine';
import { outputShapeOf } from '../model/graph';
import { initialize } from '../model/initialize';
import { buildResNet, type Architecture } from '../model/resnet';
import { normal64 } from '../reference/finite-difference';
import { toFloat32 } from '../reference/tensor64';
import type { Shape, Tensor } from '../tensor';
import { iPhoneLimits } from './device';
import { WebGpuEngine } from './engine';
import { layOutStage } from './stage-layout';

const fixture = dawnFixture();
const normal = (shape: Shape, seed: number): Tensor => toFloat32(normal64(shape, seed));
afterEach(() => void vi.restoreAllMocks());

function stageOf(architecture: Architecture, names: readonly string[], inputShape: Shape) {
  const stem = architecture === 'resnet20' ? 'cifar' : 'imagenet';
  const { units } = buildResNet({ architecture, stem, numClasses: 10 });
  const spec: StageSpec = {
    units: units.filter(({ name }) => names.includes(name)),
    inputShape,
    microBatchSize: 2,
    numMicroBatches: 3,
    maxInFlight: 3,
    needsInputGradient: true,
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
  };
  return names.includes('head') ? { ...spec, loss: { labelSmoothing: 0.1 } } : spec;
}

/** All that two steps of a stage give: outputs, gradients, and state with running statistics. */
async function twoSteps(spec: StageSpec): Promise<unknown[]> {
  const engine = new WebGpuEngine({ device: fixture.device, description: 'Dawn' });
  const created = vi.spyOn(fixture.device, 'createBuffer');
  await engine.load(spec);
  const bytes = created.mock.calls.reduce((total, [{ size }]) => total + size, 0);
  expect(engine.memoryBytes()).toBe(bytes);
  created.mockRestore();
  await engine.importState(initialize(spec.units, 3));
  const outputShape = [2, ...outputShapeOf(spec.units, spec.inputShape)];
  const results: unknown[] = [];
  for (const step of [1, 2]) {
    const seedOf = (microBatch: number): number => 10 * step + microBatch;
    for (const microBatch of [0, 1, 2]) {
      const input = normal([2, ...spec.inputShape], seedOf(microBatch));
      results.push(
        spec.loss
          ? await engine.forwardLoss(microBatch, input, Int32Array.of(step, microBatch))
          : await engine.forward(microBatch, input),
      );
      // An evaluation in between writes over whatever is shared.
      if (microBatch === 1) results.push(await engine.evaluate(input));
    }
    for (const microBatch of [0, 1, 2]) {
      const gradient = spec.loss ? null : normal(outputShape, 100 + seedOf(microBatch));
      if (spec.splitsBackward) {
        results.push(await engine.backwardInput(microBatch, gradient));
      } else results.push(await engine.backward(microBatch, gradient));
    }
    if (spec.splitsBackward) {
      for (const microBatch of [0, 1, 2]) await engine.backwardWeight(microBatch);
    }
    results.push(await engine.exportGradients());
    await engine.applyOptimizer({ learningRate: 0.01, step });
  }
  results.push(await engine.exportState());
  await engine.dispose();
  return results;
}

const stages: Record<string, StageSpec> = {
  'stem with max pool, plain block, projection': stageOf(
    'resnet18',
    ['stem', 'layer1.0', 'layer2.0'],
    [3, 13, 11],
  ),
  'padding shortcut, head': stageOf('resnet20', ['layer2.2', 'layer3.0', 'head'], [32, 7, 5]),
  bottlenecks: stageOf('resnet50', ['layer1.0', 'layer1.1'], [64, 5, 3]),
};

const each = Object.keys(stages).flatMap((name) =>
  [true, false].map((splitsBackward) => [name, splitsBackward] as const),
);

test.each(each)('the same bits, in less memory: %s, halves apart: %s', async (name, splits) => {
  const spec = { ...stages[name], splitsBackward: splits } as StageSpec;
  const all = spec.units.map((unit) => unit.name);
  const [first = ''] = all;
  const kept = await twoSteps(spec);
  for (const recompute of splits ? [all] : [all, [first]]) {
    expect(await twoSteps({ ...spec, recompute })).toEqual(kept);
  }
  const activations = [[], [first], all].map(
    (recompute) =>
      layOutStage({ ...spec, recompute }, iPhoneLimits.maxBufferSize).memory.activations,
  );
  expect(activations).toEqual(activations.toSorted((a, b) => b - a));
  expect(new Set(activations).size).toBe(3);
});
