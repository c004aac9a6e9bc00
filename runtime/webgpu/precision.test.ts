import { expect, test } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import type { StageSpec } from '../engine';
import { fromHalf, toHalf } from '../half';
import { outputShapeOf } from '../model/graph';
import { initialize } from '../model/initialize';
import { buildResNet } from '../model/resnet';
import { normal64 } from '../reference/finite-difference';
import { ReferenceStage } from '../reference/stage';
import { toFloat32, toFloat64, type Tensor64 } from '../reference/tensor64';
import type { Shape, Tensor } from '../tensor';
import { WebGpuEngine } from './engine';
import { kernels } from './operations/index';
import { expectPrecision, hasHalf, inPrecision, lossScaleOf, PrecisionError } from './precision';

const fixture = dawnFixture();
const noHalf = 'this device has no shader-f16 (Mesa 25 lavapipe has)';
const normal = (shape: Shape, seed: number): Tensor => toFloat32(normal64(shape, seed));

const { units } = buildResNet({ architecture: 'resnet20', stem: 'cifar', numClasses: 10 });
const chosen = units.filter(({ name }) => name === 'layer2.0' || name === 'layer2.1');
const spec: StageSpec = {
  units: chosen,
  inputShape: [16, 12, 10],
  microBatchSize: 4,
  numMicroBatches: 2,
  maxInFlight: 2,
  needsInputGradient: true,
  precision: 'f16',
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
};
const outputShape = [4, ...outputShapeOf(chosen, spec.inputShape)];

test('every kernel that binds values has an f16 twin, and no other', () => {
  const twins = kernels.flatMap((kernel) => {
    const one = { kernel, params: new Uint8Array(), regions: {}, workgroups: [1, 1, 1] } as const;
    return inPrecision([one], 'f16').filter((twin) => twin.kernel !== kernel);
  });
  expect(
    twins.every(({ kernel: { code } }) => /enable f16;\s+alias Value4 = vec4h;/.test(code)),
  ).toBe(true);
  const without = kernels.filter(
    ({ name }) => !twins.some(({ kernel }) => kernel.name === `${name} (f16)`),
  );
  expect(without.map(({ name }) => name).sort()).toEqual([
    'adamw',
    'add-chunks',
    'batch-norm-gradient-sums-combine',
    'batch-norm-statistics-combine',
    'sgd',
    'sgd-momentum',
    'softmax-cross-entropy-mean',
  ]);
});

test('the loss scale is a power of two near 1024 times the batch', () => {
  expect(lossScaleOf({ ...spec, precision: 'f32' })).toBe(1);
  expect(lossScaleOf({ ...spec, microBatchSize: 16, numMicroBatches: 8 })).toBe(2 ** 17);
  expect(lossScaleOf({ ...spec, microBatchSize: 3, numMicroBatches: 1 })).toBe(2 ** 12);
});

test('a device that has no f16 is refused by name', () => {
  expect(() => expectPrecision('f16', undefined, 'a phone')).toThrow(PrecisionError);
  expect(() => expectPrecision('f16', ['f32'], 'a phone')).toThrow(
    "a phone can't compute with f16",
  );
  expect(() => expectPrecision(undefined, undefined, 'a phone')).not.toThrow();
});

/** Of a mean over the step's eight samples. */
function outputGradient(microBatch: number): Tensor {
  const { shape, data } = normal(outputShape, 10 + microBatch);
  return { shape, data: data.map((value) => value / 80) };
}

async function step(changed: Partial<StageSpec>) {
  const engine = new WebGpuEngine({ device: fixture.device, description: 'Dawn' });
  await engine.load({ ...spec, ...changed });
  await engine.importState(initialize(chosen, 5));
  const outputs: (Tensor | null)[] = [];
  for (const microBatch of [0, 1]) {
    outputs.push(await engine.forward(microBatch, normal([4, 16, 12, 10], microBatch)));
  }
  for (const microBatch of [0, 1]) {
    outputs.push(await engine.backward(microBatch, outputGradient(microBatch)));
  }
  const gradients = await engine.exportGradients();
  await engine.applyOptimizer({ learningRate: 0.01, step: 1 });
  const state = await engine.exportState();
  await engine.dispose();
  return { outputs, gradients, state };
}

/** The error's norm over the norm of what is right. */
function relativeError(actual: Tensor | null | undefined, { data }: Tensor64): number {
  let errors = 0;
  let squares = 0;
  data.forEach((value, index) => {
    errors += ((actual?.data[index] ?? NaN) - value) ** 2;
    squares += value ** 2;
  });
  return Math.sqrt(errors / squares);
}

/*
 * A block stores four values on the way forward and as many gradients on the way back, each with a
 * relative error of at most 2^-11. Errors of several values add up at most; what the batch norms do
 * to them is a factor near one.
 */
test('a stage stored as f16 is off by no more than its roundings add up to', async ({ skip }) => {
  skip(!hasHalf(fixture.device), noHalf);
  const { outputs, gradients, state } = await step({});
  const reference = new ReferenceStage(spec, initialize(chosen, 5));
  const forward = 8 * 2 ** -11;
  const both = 2 * forward;
  for (const microBatch of [0, 1]) {
    const expected = reference.forward(microBatch, toFloat64(normal([4, 16, 12, 10], microBatch)));
    const output = outputs[microBatch];
    expect(relativeError(output, expected)).toBeLessThan(forward);
    // It was stored as f16, and left as f32.
    expect(output?.data.every((value) => fromHalf(toHalf(value)) === value)).toBe(true);
  }
  for (const microBatch of [0, 1]) {
    const gradient = toFloat64(outputGradient(microBatch));
    const expected = reference.backward(microBatch, gradient);
    expect(relativeError(outputs[2 + microBatch], expected)).toBeLessThan(both);
  }
  for (const [name, expected] of reference.gradients) {
    expect(relativeError(gradients.get(name), expected), name).toBeLessThan(both);
  }
  reference.applyOptimizer({ learningRate: 0.01, step: 1 });
  for (const [name, expected] of reference.state) {
    expect(relativeError(state.get(name), expected), name).toBeLessThan(both);
  }
}, 240_000);

test('recomputation gives the same bits in f16 too', async ({ skip }) => {
  skip(!hasHalf(fixture.device), noHalf);
  const kept = await step({ splitsBackward: false });
  expect(await step({ splitsBackward: false, recompute: chosen.map(({ name }) => name) })).toEqual(
    kept,
  );
}, 240_000);
