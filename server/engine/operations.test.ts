import { afterAll, expect, test } from 'vitest';
import type { BatchNorm, Operation } from '../../runtime/model/graph';
import { outputShapeOf } from '../../runtime/model/graph';
import { ReferenceStage } from '../../runtime/reference/stage';
import type { Shape } from '../../runtime/tensor';
import { findBlockSize } from './onnx/block-size';
import { OnnxEngine } from './onnx-engine';
import { at64, normal, randomState, relativeError, specOf, unitOf } from './stage-fixture';

const engine = new OnnxEngine({ numThreads: 1 });
const standard = new OnnxEngine({ numThreads: 1, layout: 'standard' });
afterAll(async () => {
  await engine.dispose();
  await standard.dispose();
});

const ends = { input: 'input', output: 'out' };

function convolution(inChannels: number, outChannels: number, kernel: number, stride: number) {
  const padding = (kernel - 1) / 2;
  const sizes = { inChannels, outChannels, kernel, stride, padding };
  return { kind: 'convolution', ...ends, weight: 'conv.weight', ...sizes } as const;
}

function batchNorm(channels: number): BatchNorm {
  return {
    kind: 'batchNorm',
    ...ends,
    weight: 'bn.weight',
    bias: 'bn.bias',
    runningMean: 'bn.running_mean',
    runningVar: 'bn.running_var',
    channels,
    epsilon: 1e-5,
    momentum: 0.1,
  };
}

const maxPool = { kind: 'maxPool', ...ends, kernel: 3, stride: 2, padding: 1 } as const;
const padShortcut = { kind: 'padShortcut', ...ends, inChannels: 6, outChannels: 12 } as const;

// As many samples as a block has channels: the weight gradient's blocked convolution.
const block = (await findBlockSize()) ?? 16;

const cases: [string, Operation, Shape, number][] = [
  ['convolution 3x3, a block of samples', convolution(16, 32, 3, 1), [16, 7, 5], block],
  ['convolution 3x3 stride 2, even size', convolution(32, 16, 3, 2), [32, 8, 6], block],
  ['convolution 3x3 stride 2, odd size', convolution(16, 16, 3, 2), [16, 9, 7], block],
  ['convolution 1x1, a block of samples', convolution(16, 16, 1, 1), [16, 5, 3], block],
  ['convolution 1x1', convolution(8, 5, 1, 1), [8, 5, 7], 3],
  ['convolution 1x1 stride 2', convolution(6, 16, 1, 2), [6, 8, 9], 2],
  ['convolution 3x3', convolution(16, 16, 3, 1), [16, 8, 8], 4],
  ['convolution 3x3, pictures', convolution(3, 16, 3, 1), [3, 9, 11], 5],
  ['convolution 3x3, one sample, one pixel', convolution(5, 7, 3, 1), [5, 1, 1], 1],
  ['convolution 3x3 stride 2, even size', convolution(16, 32, 3, 2), [16, 8, 8], 2],
  ['convolution 3x3 stride 2, odd size', convolution(4, 6, 3, 2), [4, 9, 7], 3],
  ['convolution 3x3, two blocks to three', convolution(32, 48, 3, 1), [32, 5, 7], 3],
  ['convolution 1x1 stride 2, two blocks', convolution(32, 16, 1, 2), [32, 5, 7], 2],
  ['convolution 7x7 stride 2, pictures', convolution(3, 64, 7, 2), [3, 32, 32], 2],
  ['convolution 7x7 stride 2, odd size', convolution(3, 5, 7, 2), [3, 15, 13], 2],
  ['convolution without padding', { ...convolution(4, 6, 3, 1), padding: 0 }, [4, 6, 5], 2],
  ['convolution, stride beyond the kernel', convolution(4, 6, 1, 3), [4, 8, 9], 2],
  ['batch norm', batchNorm(7), [7, 5, 3], 3],
  ['batch norm, enough pixels for sums by convolution', batchNorm(7), [7, 13, 11], 3],
  ['batch norm, one pixel', batchNorm(4), [4, 1, 1], 5],
  ['batch norm, two blocks', batchNorm(32), [32, 7, 5], 3],
  ['batch norm, a block of one pixel', batchNorm(16), [16, 1, 1], 5],
  ['batch norm of features', batchNorm(6), [6], 5],
  ['relu', { kind: 'relu', ...ends }, [5, 3, 7], 3],
  ['relu, a block', { kind: 'relu', ...ends }, [16, 3, 7], 3],
  ['relu of features', { kind: 'relu', ...ends }, [9], 3],
  ['add', { kind: 'add', ...ends, other: 'input' }, [5, 3, 7], 3],
  ['add, two blocks', { kind: 'add', ...ends, other: 'input' }, [32, 3, 7], 3],
  ['max pool', maxPool, [3, 8, 9], 2],
  ['max pool, two blocks', maxPool, [32, 8, 6], 2],
  ['max pool, two blocks, odd size', maxPool, [32, 9, 7], 2],
  ['max pool, one pixel', maxPool, [3, 1, 1], 2],
  ['padded shortcut', { ...padShortcut, stride: 2 }, [6, 8, 8], 2],
  ['padded shortcut, odd size', { ...padShortcut, stride: 2 }, [6, 5, 7], 3],
  [
    'padded shortcut, from one block to two',
    { ...padShortcut, inChannels: 16, outChannels: 32, stride: 2 },
    [16, 6, 8],
    2,
  ],
  [
    'padded shortcut, odd width to the side',
    { ...padShortcut, outChannels: 8, stride: 1 },
    [6, 3, 2],
    2,
  ],
  ['global average pool', { kind: 'globalAveragePool', ...ends }, [11, 5, 3], 3],
  ['global average pool, two blocks', { kind: 'globalAveragePool', ...ends }, [32, 5, 3], 3],
  [
    'linear',
    { kind: 'linear', ...ends, weight: 'w', bias: 'b', inFeatures: 13, outFeatures: 5 },
    [13],
    3,
  ],
];

/** In blocks where the channels fill them, and by standard operators alone. */
const runs = cases.flatMap(([name, ...rest]) => [
  [name, engine, ...rest] as const,
  [`${name}, standard operators`, standard, ...rest] as const,
]);

test.each(runs)('%s', async (_name, engine, operation, inputShape, samples) => {
  const units = [unitOf([operation])];
  const spec = specOf(units, inputShape, { microBatchSize: samples });
  const state = randomState(units);
  await engine.load(spec);
  await engine.importState(state);
  const reference = new ReferenceStage(spec, state);

  const inputs = [0, 1].map((m) => normal([samples, ...inputShape], `input ${m}`));
  for (const [microBatch, input] of inputs.entries()) {
    const expected = reference.forward(microBatch, at64(input));
    expect(relativeError(await engine.forward(microBatch, input), expected)).toBeLessThan(1e-5);
  }
  const outputShape = [samples, ...outputShapeOf(units, inputShape)];
  for (const microBatch of inputs.keys()) {
    const gradient = normal(outputShape, `gradient ${microBatch}`);
    const expected = reference.backward(microBatch, at64(gradient));
    const actual = await engine.backward(microBatch, gradient);
    expect(relativeError(actual ?? normal([0], ''), expected)).toBeLessThan(1e-5);
  }
  for (const [name, gradient] of await engine.exportGradients()) {
    const expected = reference.gradients.get(name);
    expect(relativeError(gradient, expected ?? at64(null)), name).toBeLessThan(1e-5);
  }
  await engine.applyOptimizer({ learningRate: 0.1, step: 1 });
  reference.applyOptimizer({ learningRate: 0.1, step: 1 });
  const expectedState = reference.exportState();
  for (const [name, tensor] of await engine.exportState()) {
    const expected = expectedState.get(name) ?? normal([0], '');
    expect(relativeError(tensor, expected), name).toBeLessThan(1e-5);
  }
  const [input = normal([0], '')] = inputs;
  const evaluated = await engine.evaluate(input);
  expect(relativeError(evaluated, reference.evaluate(at64(input)))).toBeLessThan(1e-5);
});

test('max pool: of equal values the first takes the gradient', async () => {
  const units = [unitOf([maxPool])];
  await engine.load(specOf(units, [1, 3, 3], { microBatchSize: 1, maxInFlight: 1 }));
  const shape = [1, 1, 3, 3];
  await engine.forward(0, { shape, data: new Float32Array(9).fill(-2) });
  const gradient = { shape: [1, 1, 2, 2], data: Float32Array.of(1, 2, 4, 8) };
  const result = await engine.backward(0, gradient);
  // Windows start at row and column 0, 0, 1, 1; each takes its first pixel.
  expect(result?.data).toEqual(Float32Array.of(1, 2, 0, 4, 8, 0, 0, 0, 0));
});

test.each([
  ['even size', [32, 8, 12]],
  ['odd size', [32, 7, 9]],
])('max pool behind a relu, many values equal, %s', async (_name, inputShape) => {
  const units = [
    unitOf([
      { kind: 'relu', input: 'input', output: 'positive' },
      { ...maxPool, input: 'positive' },
    ]),
  ];
  const spec = specOf(units, inputShape, { microBatchSize: 3 });
  const { shape, data } = normal([3, ...inputShape], 'input', 2);
  const input = { shape, data: data.map(Math.round) };
  const gradient = normal([3, ...outputShapeOf(units, inputShape)], 'gradient');
  const reference = new ReferenceStage(spec, new Map());
  reference.forward(0, at64(input));
  const expected = reference.backward(0, at64(gradient));
  for (const tested of [engine, standard]) {
    await tested.load(spec);
    await tested.forward(0, input);
    const actual = await tested.backward(0, gradient);
    expect(relativeError(actual ?? normal([0], ''), expected)).toBeLessThan(1e-6);
  }
});

test('relu: no gradient at zero and below, all of it just above', async () => {
  const units = [unitOf([{ kind: 'relu', ...ends }])];
  await engine.load(specOf(units, [6], { microBatchSize: 1 }));
  const input = { shape: [1, 6], data: Float32Array.of(-1, -0, 0, 1.2e-38, 1e-20, 3e38) };
  await engine.forward(0, input);
  const result = await engine.backward(0, { shape: [1, 6], data: new Float32Array(6).fill(3) });
  expect([...(result?.data ?? [])]).toEqual([0, 0, 0, 3, 3, 3]);
});

test('batch norm: a mean far above the deviation costs no accuracy of the variance', async () => {
  const units = [unitOf([batchNorm(4)])];
  const spec = specOf(units, [4, 6, 6]);
  const state = randomState(units);
  await engine.load(spec);
  await engine.importState(state);
  const reference = new ReferenceStage(spec, state);
  const input = normal([2, 4, 6, 6], 'far', 1, 1000);
  // The input itself is rounded to 6e-8 x 1000 deviations; E[x^2] - mean^2 would be off by 0.06.
  const expected = reference.forward(0, at64(input));
  expect(relativeError(await engine.forward(0, input), expected)).toBeLessThan(1e-4);
  const gradient = normal([2, 4, 6, 6], 'gradient');
  const inputGradient = reference.backward(0, at64(gradient));
  const actual = await engine.backward(0, gradient);
  expect(relativeError(actual ?? normal([0], ''), inputGradient)).toBeLessThan(1e-4);
});
