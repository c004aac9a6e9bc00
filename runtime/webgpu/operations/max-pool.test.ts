import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { windowOutputSize, type MaxPool } from '../../model/graph';
import { Random } from '../../random';
import { normal64 } from '../../reference/finite-difference';
import { toFloat32 } from '../../reference/tensor64';
import { elementCount, tensor, type Shape, type Tensor } from '../../tensor';
import { operationErrors } from '../operation-error';
import { maxPool } from './max-pool';

const fixture = dawnFixture();
const normal = (shape: Shape, seed: number): Tensor => toFloat32(normal64(shape, seed));

async function errorsOf(input: Tensor, window: Pick<MaxPool, 'kernel' | 'stride' | 'padding'>) {
  const [batch = 0, channels = 0, height = 0, width = 0] = input.shape;
  const outputSizes = [height, width].map((size) => windowOutputSize(size, window));
  return operationErrors(
    fixture.device,
    maxPool,
    { kind: 'maxPool', input: 'input', output: 'pool', ...window },
    {
      values: { input },
      outputGradient: normal([batch, channels, ...outputSizes], 2),
      inputGradients: { input: normal(input.shape, 3) },
    },
  );
}

test.each([
  [[2, 3, 7, 5], { kernel: 3, stride: 2, padding: 1 }],
  [[1, 64, 8, 10], { kernel: 3, stride: 2, padding: 1 }],
  [[5, 5, 6, 6], { kernel: 2, stride: 2, padding: 0 }],
  [[3, 10, 5, 4], { kernel: 3, stride: 1, padding: 1 }],
  [[2, 4, 9, 11], { kernel: 5, stride: 3, padding: 2 }],
  [[1, 2, 7, 7], { kernel: 2, stride: 3, padding: 0 }],
])('shape %j, window %j', async (shape, window) => {
  const errors = await errorsOf(normal(shape, 1), window);
  expect(errors.get('output')).toBe(0);
  expect(errors.get('gradient of input')).toBeLessThan(1e-6);
});

test('of equal values the first takes the gradient, negative ones beat the padding', async () => {
  const shape = [3, 6, 9, 7];
  const random = new Random(1, 'ties');
  const data = Float32Array.from({ length: elementCount(shape) }, () => -1 - random.integer(2));
  const errors = await errorsOf(tensor(shape, data), { kernel: 3, stride: 2, padding: 1 });
  expect(errors.get('output')).toBe(0);
  expect(errors.get('gradient of input')).toBeLessThan(1e-6);
});

test('a window of more than 16 pixels is refused', async () => {
  await expect(
    errorsOf(normal([1, 1, 17, 17], 1), { kernel: 17, stride: 1, padding: 0 }),
  ).rejects.toThrow("maxPool 'pool': expected a window of 16x16 at most, got 17");
});
