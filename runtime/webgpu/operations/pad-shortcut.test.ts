import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { normal64 } from '../../reference/finite-difference';
import { toFloat32 } from '../../reference/tensor64';
import type { Shape } from '../../tensor';
import { operationErrors } from '../operation-error';
import { padShortcut } from './pad-shortcut';

const fixture = dawnFixture();

test.each([
  // Channels that begin inside a block of four, and the network's own 16 to 32.
  [[2, 3, 5, 7], 5, 2, [2, 5, 3, 4]],
  [[3, 5, 4, 4], 11, 1, [3, 11, 4, 4]],
  [[1, 16, 9, 8], 32, 2, [1, 32, 5, 4]],
  [[5, 10, 3, 3], 10, 3, [5, 10, 1, 1]],
] as const)(
  'shape %j to %d channels, stride %d',
  async (shape, outChannels, stride, outputShape) => {
    const operation = {
      kind: 'padShortcut',
      input: 'input',
      output: 'shortcut',
      inChannels: shape[1],
      outChannels,
      stride,
    } as const;
    const normal = (of: Shape, seed: number) => toFloat32(normal64(of, seed));
    const inputs = {
      values: { input: normal(shape, 1) },
      outputGradient: normal(outputShape, 2),
    };
    const errors = await operationErrors(fixture.device, padShortcut, operation, inputs);
    expect([...errors]).toEqual([
      ['output', 0],
      ['gradient of input', 0],
    ]);
    const added = { ...inputs, inputGradients: { input: normal(shape, 3) } };
    const ofSum = await operationErrors(fixture.device, padShortcut, operation, added);
    expect(ofSum.get('gradient of input')).toBeLessThan(1e-6);
  },
);
