import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDawnGpu, type DawnGpu } from '../../../server/engine/dawn';
import { windowOutputSize, type Convolution } from '../../model/graph';
import { Random } from '../../random';
import {
  convolution as reference,
  convolutionInputGradient,
  convolutionWeightGradient,
} from '../../reference/convolution';
import { toFloat64, type Tensor64 } from '../../reference/tensor64';
import { elementCount, sameShape, tensor, type Shape, type Tensor } from '../../tensor';
import { iPhoneLimits, requestDevice } from '../device';
import { runOperation } from '../run-operation';
import { convolution } from './convolution';

let dawn: DawnGpu;
let device: GPUDevice;
beforeAll(async () => {
  dawn = await createDawnGpu();
  ({ device } = await requestDevice(dawn.gpu, iPhoneLimits));
});
afterAll(() => {
  device.destroy();
});

interface Case {
  batch: number;
  inChannels: number;
  outChannels: number;
  height: number;
  width: number;
  kernel: number;
  stride: number;
}

const cases: readonly Case[] = [
  { batch: 2, inChannels: 3, outChannels: 16, height: 9, width: 11, kernel: 7, stride: 2 },
  { batch: 1, inChannels: 3, outChannels: 10, height: 8, width: 8, kernel: 7, stride: 1 },
  { batch: 2, inChannels: 5, outChannels: 7, height: 7, width: 5, kernel: 3, stride: 1 },
  { batch: 3, inChannels: 8, outChannels: 12, height: 6, width: 10, kernel: 3, stride: 2 },
  { batch: 1, inChannels: 6, outChannels: 9, height: 13, width: 9, kernel: 3, stride: 2 },
  { batch: 2, inChannels: 16, outChannels: 10, height: 5, width: 3, kernel: 1, stride: 1 },
  { batch: 2, inChannels: 12, outChannels: 20, height: 9, width: 10, kernel: 1, stride: 2 },
  { batch: 1, inChannels: 64, outChannels: 64, height: 2, width: 2, kernel: 3, stride: 1 },
  { batch: 1, inChannels: 4, outChannels: 4, height: 1, width: 1, kernel: 3, stride: 2 },
];

const name = (shape: Case) =>
  `${shape.batch}x${shape.inChannels}x${shape.height}x${shape.width} to ${shape.outChannels} channels, kernel ${shape.kernel}, stride ${shape.stride}`;

function setUp({ batch, inChannels, outChannels, height, width, kernel, stride }: Case) {
  const padding = (kernel - 1) / 2;
  const operation: Convolution = {
    kind: 'convolution',
    input: 'input',
    output: 'conv',
    weight: 'conv.weight',
    inChannels,
    outChannels,
    kernel,
    stride,
    padding,
  };
  const weightShape = [outChannels, inChannels, kernel, kernel];
  const outputShape = [
    batch,
    outChannels,
    windowOutputSize(height, operation),
    windowOutputSize(width, operation),
  ];
  const input = normal('input', [batch, inChannels, height, width], 1);
  const weight = normal('weight', weightShape, 1 / Math.sqrt(inChannels * kernel * kernel));
  const outputGradient = normal('gradient', outputShape, 1 / Math.sqrt(elementCount(outputShape)));
  return { operation, input, weight, weightShape, outputShape, outputGradient };
}

test.each(cases.map((shape) => [name(shape), shape] as const))('%s', async (_, shape) => {
  const { operation, input, weight, weightShape, outputShape, outputGradient } = setUp(shape);
  const results = await runOperation(device, convolution, operation, {
    values: { input },
    outputShape,
    tensors: new Map([['conv.weight', weight]]),
    outputGradient,
  });
  const dy = toFloat64(outputGradient);
  const x = toFloat64(input);
  const w = toFloat64(weight);
  expect(maxError(results.output, reference(x, w, operation))).toBeLessThan(1e-5);
  expect(
    maxError(
      results.inputGradients['input'],
      convolutionInputGradient(dy, w, input.shape, operation),
    ),
  ).toBeLessThan(1e-5);
  expect(
    maxError(
      results.tensorGradients.get('conv.weight'),
      convolutionWeightGradient(dy, x, weightShape, operation),
    ),
  ).toBeLessThan(1e-5);
});

test.each([
  { batch: 2, inChannels: 5, outChannels: 7, height: 7, width: 5, kernel: 3, stride: 2 },
  { batch: 1, inChannels: 128, outChannels: 64, height: 3, width: 3, kernel: 3, stride: 1 },
])('adds to the gradients that are there, $inChannels channels', async (shape) => {
  const { operation, input, weight, weightShape, outputShape, outputGradient } = setUp(shape);
  const before = normal('before', input.shape, 1);
  const weightBefore = normal('weight before', weightShape, 1);
  const { inputGradients, tensorGradients } = await runOperation(device, convolution, operation, {
    values: { input },
    outputShape,
    tensors: new Map([['conv.weight', weight]]),
    outputGradient,
    inputGradients: { input: before },
    tensorGradients: new Map([['conv.weight', weightBefore]]),
  });
  const dy = toFloat64(outputGradient);
  const dx = convolutionInputGradient(dy, toFloat64(weight), input.shape, operation);
  const dw = convolutionWeightGradient(dy, toFloat64(input), weightShape, operation);
  expect(maxError(inputGradients['input'], sum(dx, before))).toBeLessThan(1e-5);
  expect(maxError(tensorGradients.get('conv.weight'), sum(dw, weightBefore))).toBeLessThan(1e-5);
});

test('sums in one order: bit-identical from run to run', async () => {
  const shape = { batch: 2, inChannels: 16, outChannels: 16, height: 17, width: 19 };
  const { operation, input, weight, outputShape, outputGradient } = setUp({
    ...shape,
    kernel: 3,
    stride: 1,
  });
  const run = () =>
    runOperation(device, convolution, operation, {
      values: { input },
      outputShape,
      tensors: new Map([['conv.weight', weight]]),
      outputGradient,
    });
  expect(await run()).toEqual(await run());
});

function normal(stream: string, shape: Shape, scale: number): Tensor {
  const random = new Random(1, stream);
  const sample = () => scale * random.normal();
  return tensor(shape, Float32Array.from({ length: elementCount(shape) }, sample));
}

function sum(a: Tensor64, b: Tensor): Tensor64 {
  return { shape: a.shape, data: a.data.map((value, index) => value + (b.data[index] ?? NaN)) };
}

function maxError(actual: Tensor | undefined, expected: Tensor64): number {
  if (!actual || !sameShape(actual.shape, expected.shape)) return Infinity;
  return expected.data.reduce((worst, value, index) => {
    const error = Math.abs(value - (actual.data[index] ?? NaN));
    return Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }, 0);
}
