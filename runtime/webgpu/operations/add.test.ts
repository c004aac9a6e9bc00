import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { normal64 } from '../../reference/finite-difference';
import { toFloat32 } from '../../reference/tensor64';
import { operationErrors } from '../operation-error';
import { add } from './add';

const fixture = dawnFixture();

test.each([[[2, 5, 3, 7]], [[3, 10]], [[1, 64, 9, 8]]])('shape %j', async (shape) => {
  const operation = { kind: 'add', input: 'a', other: 'b', output: 'add' } as const;
  const [a, b, outputGradient, before] = [1, 2, 3, 4].map((seed) =>
    toFloat32(normal64(shape, seed)),
  );
  if (!a || !b || !outputGradient || !before) throw new Error('four tensors');
  const errors = await operationErrors(fixture.device, add, operation, {
    values: { a, b },
    outputGradient,
    inputGradients: { b: before },
  });
  expect([...errors.keys()]).toEqual(['output', 'gradient of b', 'gradient of a']);
  expect(Math.max(...errors.values())).toBeLessThan(1e-6);
});

test('a value added to itself gets the gradient twice', async () => {
  const operation = { kind: 'add', input: 'a', other: 'a', output: 'add' } as const;
  const shape = [2, 3, 4, 5];
  const errors = await operationErrors(fixture.device, add, operation, {
    values: { a: toFloat32(normal64(shape, 1)) },
    outputGradient: toFloat32(normal64(shape, 2)),
  });
  expect(Math.max(...errors.values())).toBeLessThan(1e-6);
});
