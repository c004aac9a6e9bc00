import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { normal64 } from '../../reference/finite-difference';
import { toFloat32 } from '../../reference/tensor64';
import type { NamedTensors, Shape, Tensor } from '../../tensor';
import { operationErrors } from '../operation-error';
import { runOperation } from '../run-operation';
import { batchNorm } from './batch-norm';

const fixture = dawnFixture();
const normal = (shape: Shape, seed: number): Tensor => toFloat32(normal64(shape, seed));

function operationOf(channels: number) {
  return {
    kind: 'batchNorm',
    input: 'input',
    output: 'bn',
    weight: 'weight',
    bias: 'bias',
    runningMean: 'running_mean',
    runningVar: 'running_var',
    channels,
    epsilon: 1e-5,
    momentum: 0.1,
  } as const;
}

function tensorsOf(channels: number): NamedTensors {
  const shape = [channels];
  const positive = normal(shape, 13);
  return new Map([
    ['weight', normal(shape, 10)],
    ['bias', normal(shape, 11)],
    ['running_mean', normal(shape, 12)],
    ['running_var', { shape, data: positive.data.map((value) => 0.5 + value * value) }],
  ]);
}

function expectSmall(errors: ReadonlyMap<string, number>, limit = 1e-5): void {
  for (const [name, error] of errors) expect(error, name).toBeLessThan(limit);
}

// The last is long enough for more than one chunk a thread of the combining workgroup.
const shapes = [
  [[1, 3, 1, 5]],
  [[5, 5, 7, 3]],
  [[3, 10, 9, 8]],
  [[2, 64, 5, 5]],
  [[6, 9]],
  [[2, 4, 40, 41]],
];

test.each(shapes)('training at shape %j', async (shape) => {
  const channels = shape[1] ?? 0;
  const errors = await operationErrors(fixture.device, batchNorm, operationOf(channels), {
    values: { input: normal(shape, 1) },
    tensors: tensorsOf(channels),
    outputGradient: normal(shape, 2),
    tensorGradients: new Map([
      ['weight', normal([channels], 3)],
      ['bias', normal([channels], 4)],
    ]),
  });
  expect([...errors.keys()]).toEqual([
    'output',
    'gradient of input',
    'weight',
    'bias',
    'running_mean',
    'running_var',
    'gradient of weight',
    'gradient of bias',
  ]);
  expectSmall(errors);
});

test.each(shapes)('evaluation at shape %j', async (shape) => {
  const channels = shape[1] ?? 0;
  const inputs = { values: { input: normal(shape, 1) }, tensors: tensorsOf(channels) };
  const operation = operationOf(channels);
  expectSmall(await operationErrors(fixture.device, batchNorm, operation, inputs, 'evaluation'));
});

test('adds to an input gradient that is there', async () => {
  const shape = [2, 5, 3, 3];
  const inputs = {
    values: { input: normal(shape, 1) },
    tensors: tensorsOf(5),
    outputGradient: normal(shape, 2),
    inputGradients: { input: normal(shape, 3) },
  };
  expectSmall(await operationErrors(fixture.device, batchNorm, operationOf(5), inputs));
});

test('a mean of a thousand standard deviations does not cancel the variance', async () => {
  const shape = [3, 6, 33, 35];
  const { data } = normal(shape, 1);
  const input = {
    shape,
    data: data.map((value, index) => (index % 2 ? 100 : 100.01) + 0.1 * value),
  };
  const inputs = { values: { input }, tensors: tensorsOf(6), outputGradient: normal(shape, 2) };
  const errors = await operationErrors(fixture.device, batchNorm, operationOf(6), inputs);
  // The mean itself, rounded to float32, is off by up to 4e-6: 4e-5 standard deviations, and as
  // much times the sum of dy in the weight's gradient.
  expect(errors.get('gradient of weight')).toBeLessThan(4e-5 * 200);
  errors.delete('gradient of weight');
  expectSmall(errors, 1e-4);
  expect(errors.get('running_var')).toBeLessThan(1e-6);
});

test('two runs agree in every bit', async () => {
  const shape = [2, 7, 19, 23];
  const inputs = {
    values: { input: normal(shape, 1) },
    outputShape: shape,
    tensors: tensorsOf(7),
    outputGradient: normal(shape, 2),
  };
  const first = await runOperation(fixture.device, batchNorm, operationOf(7), inputs);
  expect(await runOperation(fixture.device, batchNorm, operationOf(7), inputs)).toEqual(first);
});
