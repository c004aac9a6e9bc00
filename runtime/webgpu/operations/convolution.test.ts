import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { windowOutputSize, type Convolution } from '../../model/graph';
import { normal64 } from '../../reference/finite-difference';
import { toFloat32 } from '../../reference/tensor64';
import { elementCount, tensor, type Shape, type Tensor } from '../../tensor';
import { operationErrors } from '../operation-error';
import { runOperation } from '../run-operation';
import { convolution, convolutionWith } from './convolution';

const fixture = dawnFixture();

interface Case {
  batch: number;
  inChannels: number;
  outChannels: number;
  height: number;
  width: number;
  kernel: number;
  stride: number;
}

// Odd sizes, channels that are no multiple of four, pictures smaller than the kernel.
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
  { batch: 3, inChannels: 8, outChannels: 12, height: 11, width: 13, kernel: 3, stride: 1 },
];

/** The weight gradient sums `rows` in chunks; with a single row there is a single chunk. */
const oneChunk = { batch: 1, inChannels: 36, outChannels: 20, height: 1, width: 6 };

function setUp({ batch, inChannels, outChannels, height, width, kernel, stride }: Case) {
  const operation: Convolution = {
    kind: 'convolution',
    input: 'input',
    output: 'conv',
    weight: 'conv.weight',
    inChannels,
    outChannels,
    kernel,
    stride,
    padding: (kernel - 1) / 2,
  };
  const outputShape = [
    batch,
    outChannels,
    windowOutputSize(height, operation),
    windowOutputSize(width, operation),
  ];
  const weightShape = [outChannels, inChannels, kernel, kernel];
  const input = normal([batch, inChannels, height, width], 1, 1);
  const weight = normal(weightShape, 2, 1 / Math.sqrt(inChannels * kernel * kernel));
  const outputGradient = normal(outputShape, 3, 1 / Math.sqrt(elementCount(outputShape)));
  const tensors = new Map([['conv.weight', weight]]);
  return { operation, outputShape, inputs: { values: { input }, tensors, outputGradient } };
}

/** Between them, every tile of every kernel. */
const tiles = [0, 1, 2, 3].map((tile) => ({
  tile,
  module: convolutionWith((_pass, _shape, count) => Math.min(tile, count - 1)),
}));

const everyTile = [...cases, { ...oneChunk, kernel: 3, stride: 1 }].flatMap((shape) =>
  tiles.map((tile) => ({ ...shape, ...tile })),
);

test.each(everyTile)(
  'tile $tile: $batch x $inChannels x $height x $width to $outChannels channels, kernel $kernel, stride $stride',
  async ({ module, ...shape }) => {
    const { operation, inputs } = setUp(shape);
    const errors = await operationErrors(fixture.device, module, operation, inputs);
    expect([...errors.keys()]).toEqual([
      'output',
      'gradient of input',
      'conv.weight',
      'gradient of conv.weight',
    ]);
    expect(Math.max(...errors.values())).toBeLessThan(1e-5);
  },
);

test.each([
  { batch: 2, inChannels: 5, outChannels: 7, height: 7, width: 5, kernel: 3, stride: 2 },
  { ...oneChunk, kernel: 3, stride: 1 },
])('adds to the gradients that are there, $inChannels channels', async (shape) => {
  const { operation, inputs } = setUp(shape);
  for (const { module } of tiles) {
    const errors = await operationErrors(fixture.device, module, operation, {
      ...inputs,
      inputGradients: { input: normal(inputs.values.input.shape, 4, 1) },
      tensorGradients: new Map(
        [...inputs.tensors].map(([name, { shape }]) => [name, normal(shape, 5, 1)]),
      ),
    });
    expect(Math.max(...errors.values())).toBeLessThan(1e-5);
  }
});

test('sums in one order: bit-identical from run to run', async () => {
  const { operation, inputs, outputShape } = setUp({
    batch: 2,
    inChannels: 16,
    outChannels: 16,
    height: 17,
    width: 19,
    kernel: 3,
    stride: 1,
  });
  const run = () =>
    runOperation(fixture.device, convolution, operation, { ...inputs, outputShape });
  expect(await run()).toEqual(await run());
});

function normal(shape: Shape, seed: number, scale: number): Tensor {
  const { data } = toFloat32(normal64(shape, seed));
  return tensor(
    shape,
    data.map((value) => value * scale),
  );
}
