import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import type { StageSpec } from '../../engine';
import type { Add, Operation, Unit } from '../../model/graph';
import { normal64 } from '../../reference/finite-difference';
import { ReferenceStage } from '../../reference/stage';
import { toFloat32, toFloat64 } from '../../reference/tensor64';
import type { NamedTensors, Shape, Tensor } from '../../tensor';
import { WebGpuEngine } from '../engine';
import { fuse } from '../fusion';
import { largestError } from '../operation-error';

const fixture = dawnFixture();
const normal = (shape: Shape, seed: number): Tensor => toFloat32(normal64(shape, seed));

const channels = 6;

function norm(input: string, output: string): Operation {
  return {
    kind: 'batchNorm',
    input,
    output,
    weight: `${output}.weight`,
    bias: `${output}.bias`,
    runningMean: `${output}.running_mean`,
    runningVar: `${output}.running_var`,
    channels,
    epsilon: 1e-5,
    momentum: 0.1,
  };
}
const relu: Operation = { kind: 'relu', input: 'sum', output: 'relu' };
const add = (input: string, other: string): Add => ({ kind: 'add', input, other, output: 'sum' });

/** Units that fuse: the sum's other operand is read before, after, or made by a batch norm. */
const units: Readonly<Record<string, readonly Operation[]>> = {
  'batch norm and ReLU': [norm('input', 'bn'), { ...relu, input: 'bn' }],
  'with the input added': [norm('input', 'bn'), add('bn', 'input'), relu],
  'added to the input': [norm('input', 'bn'), add('input', 'bn'), relu],
  'two batch norms': [norm('input', 'bn'), norm('input', 'bn2'), add('bn2', 'bn'), relu],
  'a shortcut that is read again': [
    norm('input', 'bn'),
    { kind: 'relu', input: 'input', output: 'side' },
    add('bn', 'side'),
    relu,
    { kind: 'add', input: 'relu', other: 'side', output: 'end' },
  ],
};

test.each(
  Object.entries(units).flatMap(([name, operations]) =>
    [true, false].map((needsInputGradient) => ({ name, operations, needsInputGradient })),
  ),
)(
  '$name as in float64, input gradient wanted: $needsInputGradient',
  async ({ operations, needsInputGradient }) => {
    const vectors = operations.flatMap((operation) =>
      operation.kind === 'batchNorm' ? [operation] : [],
    );
    const owned = (names: string[]) =>
      names.map((name) => ({
        name,
        shape: [channels],
        initialization: { kind: 'constant', value: 0 } as const,
      }));
    const unit: Unit = {
      name: 'unit',
      operations,
      output: operations.at(-1)?.output ?? '',
      parameters: owned(vectors.flatMap(({ weight, bias }) => [weight, bias])),
      buffers: owned(vectors.flatMap(({ runningMean, runningVar }) => [runningMean, runningVar])),
    };
    expect(fuse(unit).some(({ kind }) => kind === 'batchNormRelu')).toBe(true);
    const spec: StageSpec = {
      units: [unit],
      inputShape: [channels, 7, 5],
      microBatchSize: 3,
      numMicroBatches: 1,
      maxInFlight: 1,
      needsInputGradient,
      optimizer: { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
    };
    const state: NamedTensors = new Map(
      [...unit.parameters, ...unit.buffers].map(({ name, shape }, seed) => {
        const { data } = normal(shape, 20 + seed);
        return [name, { shape, data: name.endsWith('var') ? data.map(Math.abs) : data }];
      }),
    );
    const engine = new WebGpuEngine({ device: fixture.device, description: 'Dawn' });
    await engine.load(spec);
    await engine.importState(state);
    const reference = new ReferenceStage(spec, state);
    const input = normal([3, channels, 7, 5], 1);
    const outputGradient = normal([3, channels, 7, 5], 2);

    const evaluated = await engine.evaluate(input);
    expect(largestError(evaluated, reference.evaluate(toFloat64(input)))).toBeLessThan(1e-5);
    const output = await engine.forward(0, input);
    expect(largestError(output, reference.forward(0, toFloat64(input)))).toBeLessThan(1e-5);
    const gradient = await engine.backward(0, outputGradient);
    const expected = reference.backward(0, toFloat64(outputGradient));
    if (needsInputGradient) {
      expect(largestError(gradient ?? undefined, expected)).toBeLessThan(1e-5);
    }
    const gradients = await engine.exportGradients();
    for (const [name, value] of reference.gradients) {
      expect(largestError(gradients.get(name), value), name).toBeLessThan(1e-5);
    }
    const moved = await engine.exportState();
    for (const [name, value] of reference.state) {
      expect(largestError(moved.get(name), value), name).toBeLessThan(1e-5);
    }
    await engine.dispose();
  },
);
