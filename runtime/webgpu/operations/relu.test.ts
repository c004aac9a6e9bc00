import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDawnGpu, type DawnGpu } from '../../../server/engine/dawn';
import { Random } from '../../random';
import { elementCount, tensor, type Shape, type Tensor } from '../../tensor';
import { iPhoneLimits, requestDevice } from '../device';
import { runOperation } from '../run-operation';
import { relu } from './relu';

let dawn: DawnGpu;
let device: GPUDevice;
beforeAll(async () => {
  dawn = await createDawnGpu();
  ({ device } = await requestDevice(dawn.gpu, iPhoneLimits));
});
afterAll(() => {
  device.destroy();
});

const operation = { kind: 'relu', input: 'input', output: 'relu' } as const;

function normal(name: string, shape: Shape): Tensor {
  const random = new Random(1, name);
  return tensor(
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => random.normal()),
  );
}

test.each([[[2, 5, 3, 7]], [[3, 10]], [[1, 4, 9, 8]]])('shape %j', async (shape) => {
  const input = normal('input', shape);
  const outputGradient = normal('gradient', shape);
  const masked = outputGradient.data.map((value, i) => ((input.data[i] ?? 0) > 0 ? value : 0));

  const { output, inputGradients } = await runOperation(device, relu, operation, {
    values: { input },
    outputShape: shape,
    outputGradient,
  });
  expect(output.data).toEqual(input.data.map((value) => Math.max(value, 0)));
  expect(inputGradients['input']?.data).toEqual(masked);
});

test('adds to a gradient that another operation wrote', async () => {
  const shape = [1, 3, 2, 2];
  const input = normal('input', shape);
  const outputGradient = normal('gradient', shape);
  const before = normal('before', shape);
  const { inputGradients } = await runOperation(device, relu, operation, {
    values: { input },
    outputShape: shape,
    outputGradient,
    inputGradients: { input: before },
  });
  const expected = before.data.map(
    (value, i) => value + ((input.data[i] ?? 0) > 0 ? (outputGradient.data[i] ?? 0) : 0),
  );
  expect(inputGradients['input']?.data).toEqual(expected);
});
