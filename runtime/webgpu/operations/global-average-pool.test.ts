import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { normal64 } from '../../reference/finite-difference';
import { toFloat32 } from '../../reference/tensor64';
import { operationErrors } from '../operation-error';
import { globalAveragePool } from './global-average-pool';

const fixture = dawnFixture();

test.each([[[2, 5, 3, 7]], [[1, 3, 1, 1]], [[5, 10, 2, 3]], [[3, 64, 8, 8]]])(
  'shape %j',
  async (shape) => {
    const operation = { kind: 'globalAveragePool', input: 'input', output: 'pool' } as const;
    const inputs = {
      values: { input: toFloat32(normal64(shape, 1)) },
      outputGradient: toFloat32(normal64(shape.slice(0, 2), 2)),
    };
    const errors = await operationErrors(fixture.device, globalAveragePool, operation, inputs);
    expect([...errors.keys()]).toEqual(['output', 'gradient of input']);
    expect(Math.max(...errors.values())).toBeLessThan(1e-6);

    const added = { ...inputs, inputGradients: { input: toFloat32(normal64(shape, 3)) } };
    const ofSum = await operationErrors(fixture.device, globalAveragePool, operation, added);
    expect(Math.max(...ofSum.values())).toBeLessThan(1e-6);
  },
);
