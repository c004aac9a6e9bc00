import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { normal64 } from '../../reference/finite-difference';
import { toFloat32 } from '../../reference/tensor64';
import { operationErrors } from '../operation-error';
import { linear } from './linear';

const fixture = dawnFixture();

test.each([
  { batch: 3, inFeatures: 64, outFeatures: 10 },
  { batch: 5, inFeatures: 7, outFeatures: 1 },
  { batch: 1, inFeatures: 33, outFeatures: 130 },
])('$batch samples, $inFeatures to $outFeatures features', async (shape) => {
  const { batch, inFeatures, outFeatures } = shape;
  const operation = {
    kind: 'linear',
    input: 'input',
    output: 'fc',
    weight: 'fc.weight',
    bias: 'fc.bias',
    inFeatures,
    outFeatures,
  } as const;
  const normal = (tensorShape: readonly number[], seed: number) =>
    toFloat32(normal64(tensorShape, seed));
  const errors = await operationErrors(fixture.device, linear, operation, {
    values: { input: normal([batch, inFeatures], 1) },
    tensors: new Map([
      ['fc.weight', normal([outFeatures, inFeatures], 2)],
      ['fc.bias', normal([outFeatures], 3)],
    ]),
    outputGradient: normal([batch, outFeatures], 4),
    inputGradients: { input: normal([batch, inFeatures], 5) },
    tensorGradients: new Map([
      ['fc.weight', normal([outFeatures, inFeatures], 6)],
      ['fc.bias', normal([outFeatures], 7)],
    ]),
  });
  expect([...errors.keys()].toSorted()).toEqual([
    'fc.bias',
    'fc.weight',
    'gradient of fc.bias',
    'gradient of fc.weight',
    'gradient of input',
    'output',
  ]);
  expect(Math.max(...errors.values())).toBeLessThan(1e-5);
});
