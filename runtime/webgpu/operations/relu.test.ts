import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { normal64 } from '../../reference/finite-difference';
import { toFloat32 } from '../../reference/tensor64';
import { operationErrors } from '../operation-error';
import { relu } from './relu';

const fixture = dawnFixture();
const operation = { kind: 'relu', input: 'input', output: 'relu' } as const;

test.each([[[2, 5, 3, 7]], [[3, 10]], [[1, 4, 9, 8]]])('shape %j', async (shape) => {
  const [input, outputGradient, before] = [1, 2, 3].map((seed) => toFloat32(normal64(shape, seed)));
  if (!input || !outputGradient || !before) throw new Error('three tensors');
  const inputs = { values: { input }, outputGradient };
  const written = await operationErrors(fixture.device, relu, operation, inputs);
  expect([...written]).toEqual([
    ['output', 0],
    ['gradient of input', 0],
  ]);
  const added = await operationErrors(fixture.device, relu, operation, {
    ...inputs,
    inputGradients: { input: before },
  });
  expect(Math.max(...added.values())).toBeLessThan(1e-6);
});
