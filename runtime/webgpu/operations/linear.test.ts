import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDawnGpu, type DawnGpu } from '../../../server/engine/dawn';
import { Random } from '../../random';
import { linear as reference, linearBackward } from '../../reference/linear';
import { toFloat64, type Tensor64 } from '../../reference/tensor64';
import { elementCount, sameShape, tensor, type Shape, type Tensor } from '../../tensor';
import { iPhoneLimits, requestDevice } from '../device';
import { runOperation } from '../run-operation';
import { linear } from './linear';

let dawn: DawnGpu;
let device: GPUDevice;
beforeAll(async () => {
  dawn = await createDawnGpu();
  ({ device } = await requestDevice(dawn.gpu, iPhoneLimits));
});
afterAll(() => {
  device.destroy();
});

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
  const input = normal('input', [batch, inFeatures], 1);
  const weight = normal('weight', [outFeatures, inFeatures], 1 / Math.sqrt(inFeatures));
  const bias = normal('bias', [outFeatures], 1);
  const outputGradient = normal('gradient', [batch, outFeatures], 1);
  const ones = (tensorShape: Shape) =>
    tensor(tensorShape, new Float32Array(elementCount(tensorShape)).fill(1));
  const { output, inputGradients, tensorGradients } = await runOperation(
    device,
    linear,
    operation,
    {
      values: { input },
      outputShape: [batch, outFeatures],
      tensors: new Map([
        ['fc.weight', weight],
        ['fc.bias', bias],
      ]),
      outputGradient,
      inputGradients: { input: ones(input.shape) },
      tensorGradients: new Map([
        ['fc.weight', ones(weight.shape)],
        ['fc.bias', ones(bias.shape)],
      ]),
    },
  );
  const expected = linearBackward(toFloat64(outputGradient), toFloat64(input), toFloat64(weight));
  const forward = reference(toFloat64(input), toFloat64(weight), toFloat64(bias));
  expect(maxError(output, forward)).toBeLessThan(1e-5);
  const plusOne = ({ shape, data }: Tensor64) => ({ shape, data: data.map((value) => value + 1) });
  const errors = [
    maxError(inputGradients['input'], plusOne(expected.inputGradient)),
    maxError(tensorGradients.get('fc.weight'), plusOne(expected.weightGradient)),
    maxError(tensorGradients.get('fc.bias'), plusOne(expected.biasGradient)),
  ];
  expect(Math.max(...errors)).toBeLessThan(1e-5);
});

function normal(stream: string, shape: Shape, scale: number): Tensor {
  const random = new Random(1, stream);
  const sample = () => scale * random.normal();
  return tensor(shape, Float32Array.from({ length: elementCount(shape) }, sample));
}

function maxError(actual: Tensor | undefined, expected: Tensor64): number {
  if (!actual || !sameShape(actual.shape, expected.shape)) return Infinity;
  return expected.data.reduce((worst, value, index) => {
    const error = Math.abs(value - (actual.data[index] ?? NaN));
    return Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }, 0);
}
