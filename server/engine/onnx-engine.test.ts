import { expect, test } from 'vitest';
import type { StageSpec } from '../../runtime/engine';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet, type Architecture } from '../../runtime/model/resnet';
import { ReferenceStage } from '../../runtime/reference/stage';
import type { NamedTensors, Shape, Tensor } from '../../runtime/tensor';
import { OnnxEngine, type CpuEngineOptions } from './onnx-engine';
import { at64, normal, randomState, relativeError, specOf, unitOf } from './stage-fixture';

const labels = Int32Array.of(2, 0, 1);

function unitsOf(architecture: Architecture, ...names: string[]) {
  const stem = architecture === 'resnet20' ? 'cifar' : 'imagenet';
  const { units } = buildResNet({ architecture, stem, numClasses: 3 });
  return names.length === 0 ? units : units.filter(({ name }) => names.includes(name));
}

async function loaded(
  spec: StageSpec,
  options: CpuEngineOptions = { numThreads: 2 },
): Promise<OnnxEngine> {
  const engine = new OnnxEngine(options);
  await engine.load(spec);
  await engine.importState(initialize(spec.units, 3));
  return engine;
}

/** One step of two micro-batches; every tensor that it made, by name. */
async function stepOf(
  engine: OnnxEngine,
  { loss, microBatchSize, inputShape }: StageSpec,
  outputShape: Shape,
  inHalves: boolean,
): Promise<NamedTensors> {
  const made: NamedTensors = new Map();
  for (const microBatch of [0, 1]) {
    const input = normal([microBatchSize, ...inputShape], `input ${microBatch}`);
    if (loss) {
      const result = await engine.forwardLoss(microBatch, input, labels);
      made.set(`loss ${microBatch}`, { shape: [1], data: Float32Array.of(result.loss) });
    } else {
      made.set(`output ${microBatch}`, await engine.forward(microBatch, input));
    }
  }
  for (const microBatch of [0, 1]) {
    const gradient = loss
      ? null
      : normal([microBatchSize, ...outputShape], `gradient ${microBatch}`);
    const inputGradient = inHalves
      ? await engine.backwardInput(microBatch, gradient)
      : await engine.backward(microBatch, gradient);
    if (inHalves) await engine.backwardWeight(microBatch);
    if (inputGradient) made.set(`input gradient ${microBatch}`, inputGradient);
  }
  for (const [name, tensor] of await engine.exportGradients()) made.set(`d ${name}`, tensor);
  await engine.applyOptimizer({ learningRate: 0.1, step: 1 });
  for (const [name, tensor] of await engine.exportState()) made.set(name, tensor);
  return made;
}

/** Names of tensors that differ in a single bit. */
function differing(a: NamedTensors, b: NamedTensors): string[] {
  const bits = (tensor: Tensor | undefined): Uint8Array =>
    new Uint8Array(tensor?.data.buffer ?? new ArrayBuffer(0));
  const same = (name: string): boolean =>
    Buffer.compare(bits(a.get(name)), bits(b.get(name))) === 0;
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => !same(name));
}

const stages: [string, StageSpec, Shape][] = [
  [
    'blocks with an identity and a padded shortcut',
    specOf(unitsOf('resnet20', 'layer1.2', 'layer2.0'), [16, 9, 7], { microBatchSize: 3 }),
    [32, 5, 4],
  ],
  [
    'stem with max pool and a bottleneck',
    specOf(unitsOf('resnet50', 'stem', 'layer1.0'), [3, 21, 24], { microBatchSize: 4 }),
    [256, 6, 6],
  ],
  [
    'first stage, which gives no input gradient',
    specOf(unitsOf('resnet18', 'stem', 'layer1.0'), [3, 32, 32], { needsInputGradient: false }),
    [64, 8, 8],
  ],
  [
    'a block of samples, whose weight gradients are blocked convolutions',
    specOf(unitsOf('resnet20', 'layer2.0'), [16, 9, 7], { microBatchSize: 16 }),
    [32, 5, 4],
  ],
  [
    'last stage, with the loss',
    specOf(unitsOf('resnet20', 'layer3.1', 'layer3.2', 'head'), [64, 4, 4], {
      microBatchSize: 3,
      loss: { labelSmoothing: 0.1 },
    }),
    [3],
  ],
];

// Sizes at which a product or a convolution left to itself sums by the number of threads.
const ends = { input: 'input', output: 'out' };
const linear = { kind: 'linear', ...ends, weight: 'w', bias: 'b' } as const;
const shortcut = { kind: 'convolution', ...ends, weight: 'w', kernel: 1, stride: 2 } as const;
stages.push(
  [
    'linear, more classes than samples',
    specOf([unitOf([{ ...linear, inFeatures: 512, outFeatures: 100 }])], [512], {
      microBatchSize: 8,
    }),
    [100],
  ],
  [
    'shortcut of 256 channels',
    specOf(
      [unitOf([{ ...shortcut, padding: 0, inChannels: 128, outChannels: 256 }])],
      [128, 27, 28],
    ),
    [256, 14, 14],
  ],
);

const runs = (['blocked', 'standard'] as const).flatMap((layout) =>
  stages.map(([name, ...rest]) => [`${name}, ${layout} layout`, layout, ...rest] as const),
);

test.each(runs)('%s: bitwise the same', async (_name, layout, spec, outputShape) => {
  const engine = await loaded(spec, { numThreads: 2, layout });
  await engine.importState(randomState(spec.units));
  const first = await stepOf(engine, spec, outputShape, false);
  expect(first.has('input gradient 0')).toBe(spec.needsInputGradient);
  await engine.importState(randomState(spec.units));
  expect(differing(first, await stepOf(engine, spec, outputShape, false)), 'again').toEqual([]);
  await engine.importState(randomState(spec.units));
  expect(differing(first, await stepOf(engine, spec, outputShape, true)), 'halves').toEqual([]);
  await engine.dispose();
  for (const numThreads of [1, 3, 8]) {
    const other = await loaded(spec, { numThreads, layout });
    await other.importState(randomState(spec.units));
    const step = await stepOf(other, spec, outputShape, false);
    expect(differing(first, step), `${numThreads} threads`).toEqual([]);
    await other.dispose();
  }
});

test('cut in two, the network computes bitwise the same', async () => {
  const units = unitsOf('resnet20');
  const loss = { labelSmoothing: 0 };
  const overrides = { microBatchSize: 3, numMicroBatches: 1 };
  const whole = await loaded(specOf(units, [3, 16, 16], { ...overrides, loss }));
  const front = await loaded(specOf(units.slice(0, 5), [3, 16, 16], overrides));
  const back = await loaded(specOf(units.slice(5), [32, 8, 8], { ...overrides, loss }));

  const input = normal([3, 3, 16, 16], 'input');
  const expectedLoss = await whole.forwardLoss(0, input, labels);
  const expected = await whole.backward(0, null);
  const actualLoss = await back.forwardLoss(0, await front.forward(0, input), labels);
  const actual = await front.backward(0, await back.backward(0, null));
  expect(actualLoss).toEqual(expectedLoss);
  expect(actual).toEqual(expected);
  const gradients = new Map([
    ...(await front.exportGradients()),
    ...(await back.exportGradients()),
  ]);
  expect(differing(await whole.exportGradients(), gradients)).toEqual([]);
  for (const engine of [whole, front, back]) await engine.dispose();
});

test('ResNet-20: two steps as the float64 reference', async () => {
  const units = unitsOf('resnet20');
  const spec = specOf(units, [3, 12, 12], {
    microBatchSize: 3,
    loss: { labelSmoothing: 0.1 },
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 1e-3 },
  });
  const engine = await loaded(spec);
  const reference = new ReferenceStage(spec, initialize(units, 3));
  for (const step of [1, 2]) {
    for (const microBatch of [0, 1]) {
      const input = normal([3, 3, 12, 12], `step ${step} input ${microBatch}`);
      const expected = reference.forwardLoss(microBatch, at64(input), labels);
      const { loss, correct } = await engine.forwardLoss(microBatch, input, labels);
      expect(Math.abs(loss / expected.loss - 1)).toBeLessThan(1e-5);
      expect(correct).toBe(expected.correct);
    }
    for (const microBatch of [0, 1]) {
      const expected = reference.backward(microBatch, null);
      const actual = await engine.backward(microBatch, null);
      expect(relativeError(actual ?? normal([0], ''), expected)).toBeLessThan(1e-4);
    }
    await engine.applyOptimizer({ learningRate: 0.05, step });
    reference.applyOptimizer({ learningRate: 0.05, step });
  }
  const expected = reference.exportState();
  for (const [name, tensor] of await engine.exportState()) {
    expect(relativeError(tensor, expected.get(name) ?? normal([0], '')), name).toBeLessThan(1e-4);
  }
  const input = normal([5, 3, 12, 12], 'validation');
  const logits = await engine.evaluate(input);
  expect(relativeError(logits, reference.evaluate(at64(input)))).toBeLessThan(1e-4);
  await engine.dispose();
});

test('calls that are not awaited take effect in their order', async () => {
  const spec = specOf(unitsOf('resnet20', 'layer1.0'), [16, 4, 4]);
  const input = normal([2, 16, 4, 4], 'input');
  const awaited = await loaded(spec);
  await awaited.forward(0, input);
  await awaited.backward(0, input);
  await awaited.applyOptimizer({ learningRate: 0.1, step: 1 });
  const expected = await awaited.exportState();

  const engine = new OnnxEngine({ numThreads: 2 });
  const calls = [
    engine.load(spec),
    engine.importState(initialize(spec.units, 3)),
    engine.forward(0, input),
    engine.backward(0, input),
    engine.applyOptimizer({ learningRate: 0.1, step: 1 }),
  ];
  const state = engine.exportState();
  await Promise.all(calls);
  expect(differing(await state, expected)).toEqual([]);
  const gradients = await engine.exportGradients();
  expect([...gradients.values()].every(({ data }) => data.every((value) => value === 0))).toBe(
    true,
  );
  await engine.dispose();
  await awaited.dispose();
});

test('what the engine holds, in bytes', async () => {
  const units = unitsOf('resnet20', 'layer1.0');
  const spec = specOf(units, [16, 4, 4], { maxInFlight: 3 });
  const engine = await loaded(spec, { numThreads: 1, layout: 'standard' });
  const weights = 2 * 16 * 16 * 9;
  const parameters = weights + 4 * 16;
  // Parameters, gradients, momentum; the weights again, rotated; four running statistics.
  const state = 3 * parameters + weights + 4 * 16;
  // Of three micro-batches: the input, two convolutions' outputs, two means and variances.
  const inFlight = 3 * (3 * 2 * 16 * 4 * 4 + 4 * 16);
  expect(engine.memoryBytes()).toBe(4 * (state + inFlight));
  await engine.dispose();
  expect(engine.memoryBytes()).toBe(0);
});

test('what is refused, and why', async () => {
  const spec = specOf(unitsOf('resnet20', 'head'), [64, 4, 4], { maxInFlight: 1 });
  const input = normal([2, 64, 4, 4], 'input');
  const engine = new OnnxEngine({ numThreads: 1 });
  await expect(engine.forward(0, input)).rejects.toThrow('forward: expected a loaded stage');
  await engine.load(spec);
  await expect(engine.importState(new Map())).rejects.toThrow(
    "importState: expected 'fc.weight', got a state without it",
  );
  await expect(engine.forward(0, normal([2, 64, 4, 5], ''))).rejects.toThrow(
    'forward, micro-batch 0: input: expected 2x64x4x4, got 2x64x4x5',
  );
  await expect(engine.forwardLoss(0, input, labels)).rejects.toThrow(
    'expected a stage with a loss',
  );
  await expect(engine.backward(0, null)).rejects.toThrow(
    'expected its forward before it, got none',
  );
  await engine.forward(0, input);
  await expect(engine.forward(1, input)).rejects.toThrow('at most 1 micro-batches in flight');
  await expect(engine.backward(0, null)).rejects.toThrow('output gradient: expected one, got null');
  await engine.load({ ...spec, loss: { labelSmoothing: 0 } });
  await expect(engine.forwardLoss(0, input, labels)).rejects.toThrow(
    'expected 2, one a sample, got 3',
  );
  await expect(engine.forwardLoss(0, input, Int32Array.of(0, 3))).rejects.toThrow(
    'label of sample 1: expected a class below 3, got 3',
  );
  await engine.dispose();
});
