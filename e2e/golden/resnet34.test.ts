import { expect, test } from 'vitest';
import type { OptimizerConfig, StageEngine, StageSpec } from '../../runtime/engine';
import { buildResNet } from '../../runtime/model/resnet';
import type { NamedTensors } from '../../runtime/tensor';
import { engines } from './engines';
import { differenceFrom, type Fingerprint } from '../../runtime/golden/fingerprint';
import { readJson, readSamples } from './read';
import { formulaState } from './resnet34-state';
import { labelsOf, valuesOf } from '../../runtime/golden/values';

interface Golden {
  readonly optimizer: OptimizerConfig;
  readonly learningRate: number;
  readonly numMicroBatches: number;
  readonly microBatchSize: number;
  readonly losses: readonly number[];
  readonly state: Readonly<Record<string, Fingerprint>>;
}

const golden = readJson('resnet34.json') as Golden;
const samples = readSamples('resnet34.safetensors');
const model = buildResNet({ architecture: 'resnet34', stem: 'imagenet', numClasses: 10 });
const { numMicroBatches, microBatchSize } = golden;

const spec: StageSpec = {
  units: model.units,
  inputShape: [3, 64, 64],
  microBatchSize,
  numMicroBatches,
  maxInFlight: numMicroBatches,
  needsInputGradient: false,
  loss: { labelSmoothing: 0 },
  optimizer: golden.optimizer,
};

/** One step on the pictures of `resnet34.py`; the mean loss. */
async function takeStep(engine: StageEngine, step: number): Promise<number> {
  let sum = 0;
  for (let microBatch = 0; microBatch < numMicroBatches; microBatch++) {
    const name = `step${step}.${microBatch}`;
    const shape = [microBatchSize, ...spec.inputShape];
    const pictures = valuesOf(`${name}/pictures`, shape, { scale: Math.sqrt(3), offset: 0 });
    const labels = labelsOf(`${name}/labels`, microBatchSize, model.numClasses);
    sum += (await engine.forwardLoss(microBatch, pictures, labels)).loss;
  }
  for (let microBatch = 0; microBatch < numMicroBatches; microBatch++) {
    await engine.backward(microBatch, null);
  }
  await engine.applyOptimizer({ learningRate: golden.learningRate, step });
  return sum / numMicroBatches;
}

/** Of all parameters together, on the sample: the error's norm over the norm of what training did. */
function updateError(state: NamedTensors, start: NamedTensors): number {
  let errorSquares = 0;
  let updateSquares = 0;
  for (const { name } of model.units.flatMap(({ parameters }) => parameters)) {
    const stride = golden.state[name]?.stride ?? NaN;
    samples.get(name)?.forEach((expected, index) => {
      errorSquares += ((state.get(name)?.data[index * stride] ?? NaN) - expected) ** 2;
      updateSquares += (expected - (start.get(name)?.data[index * stride] ?? NaN)) ** 2;
    });
  }
  return Math.sqrt(errorSquares / updateSquares);
}

test.each(engines)(
  'ResNet-34 takes five steps of SGD as PyTorch does: %s',
  async (_, create) => {
    const engine = await create();
    await engine.load(spec);
    const start = formulaState(model);
    await engine.importState(start);
    for (const [index, expected] of golden.losses.entries()) {
      const loss = await takeStep(engine, index + 1);
      expect(Math.abs(loss / expected - 1), `loss of step ${index + 1}`).toBeLessThanOrEqual(1e-4);
    }
    const state = await engine.exportState();
    await engine.dispose();

    expect(Object.keys(golden.state)).toHaveLength(start.size);
    for (const [name, fingerprint] of Object.entries(golden.state)) {
      const sample = samples.get(name) ?? new Float32Array(0);
      const tensor = state.get(name) ?? { shape: [], data: new Float32Array(0) };
      const difference = differenceFrom(fingerprint, sample, tensor);
      const largestValue = sample.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(difference.shape, name).toEqual(fingerprint.shape);
      expect(difference.relative, name).toBeLessThanOrEqual(1e-3);
      expect(difference.largest / largestValue, name).toBeLessThanOrEqual(1e-3);
      expect(difference.projection / fingerprint.rms, name).toBeLessThanOrEqual(1e-3);
    }
    // A step of 0.003 moves most weights by little: what it moves them by is held to a bound too.
    expect(updateError(state, start)).toBeLessThanOrEqual(1e-2);
  },
  // Minutes on software WebGPU with two cores.
  1_200_000,
);
