import { afterAll, beforeAll, expect, test } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import type { StageSpec } from '../engine';
import { outputShapeOf, type Operation, type Unit } from '../model/graph';
import { initialize } from '../model/initialize';
import { buildResNet } from '../model/resnet';
import { Random } from '../random';
import { ReferenceStage } from '../reference/stage';
import { toFloat64, type Tensor64 } from '../reference/tensor64';
import { elementCount, tensor, type NamedTensors, type Shape, type Tensor } from '../tensor';
import { WebGpuEngine } from './engine';

const fixture = dawnFixture();
let engine: WebGpuEngine;
beforeAll(() => {
  engine = new WebGpuEngine({ device: fixture.device, description: 'Dawn' });
});
afterAll(() => engine.dispose());

const { units } = buildResNet({ architecture: 'resnet20', numClasses: 10, stem: 'cifar' });
const layer2 = units.filter(({ name }) => name === 'layer2.0' || name === 'layer2.1');

/** Two units in the middle, the first of which changes the shape. */
const middle: StageSpec = {
  units: layer2,
  inputShape: [16, 7, 9],
  microBatchSize: 2,
  numMicroBatches: 3,
  maxInFlight: 3,
  needsInputGradient: true,
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
};

test('a stage in the middle passes gradients on as the reference does', async () => {
  const state = initialize(layer2, 6);
  await engine.load(middle);
  await engine.importState(state);
  const reference = new ReferenceStage(middle, state);
  const input = normal('input', [2, 16, 7, 9]);
  const outputShape = [2, ...outputShapeOf(layer2, middle.inputShape)];
  const gradient = normal('gradient', outputShape);
  const expected = reference.forward(0, toFloat64(input));
  const output = await engine.forward(0, input);
  expect(output.shape).toEqual(outputShape);
  expect(relativeError(output, expected)).toBeLessThan(1e-5);

  const expectedGradient = reference.backward(0, toFloat64(gradient));
  const inputGradient = await engine.backward(0, gradient);
  expect(inputGradient?.shape).toEqual(input.shape);
  expect(relativeError(inputGradient, expectedGradient)).toBeLessThan(1e-4);
  expect(worstRelativeError(await engine.exportGradients(), reference.gradients)).toBeLessThan(
    1e-4,
  );

  reference.applyOptimizer({ learningRate: 0.01, step: 3 });
  await engine.applyOptimizer({ learningRate: 0.01, step: 3 });
  expect(worstRelativeError(await engine.exportState(), reference.state)).toBeLessThan(1e-3);
  for (const { data } of (await engine.exportGradients()).values()) {
    expect(data.every((value) => value === 0)).toBe(true);
  }
});

const microBatches = [0, 1, 2];
const middleInputs = microBatches.map((index) => normal(`input ${index}`, [2, 16, 7, 9]));
const middleGradients = microBatches.map((index) => normal(`gradient ${index}`, [2, 32, 4, 5]));

/** Everything that a step of the middle stage gives, in one of its possible orders. */
async function middleStep(order: readonly string[]): Promise<unknown> {
  await engine.load(middle);
  await engine.importState(initialize(layer2, 6));
  const results = new Map<string, Promise<unknown>>();
  for (const action of order) {
    const microBatch = Number(action.at(-1));
    const gradient = middleGradients[microBatch] ?? null;
    const input = middleInputs[microBatch] ?? tensor([0], new Float32Array());
    const run: Record<string, () => Promise<unknown>> = {
      F: () => engine.forward(microBatch, input),
      B: () => engine.backward(microBatch, gradient),
      I: () => engine.backwardInput(microBatch, gradient),
      W: () => engine.backwardWeight(microBatch),
      E: () => engine.evaluate(input),
    };
    const name = action.replace('I', 'B');
    const result = run[action.slice(0, 1)]?.();
    if (/[FB]/.test(name)) results.set(name, result ?? Promise.reject(new Error(action)));
  }
  const values = [];
  for (const name of [...results.keys()].toSorted()) values.push(await results.get(name));
  values.push(await engine.exportGradients());
  await engine.applyOptimizer({ learningRate: 0.01, step: 1 });
  values.push(await engine.exportState());
  return values;
}

// The running statistics take the micro-batches in forward's order, so that order is fixed.
test.each([
  ['halves one after the other', 'F0 I0 W0 F1 I1 W1 F2 I2 W2'],
  ['all forwards first', 'F0 F1 F2 B0 B1 B2'],
  ['weight gradients last', 'F0 F1 F2 I0 I1 I2 W0 W1 W2'],
  ['a place used again', 'F0 F1 I0 W0 F2 I1 I2 W1 W2'],
])('the same bits in every order: %s', async (_, order) => {
  const plain = await middleStep('F0 B0 F1 B1 F2 B2'.split(' '));
  expect(await middleStep(order.split(' '))).toEqual(plain);
});

test('an evaluation leaves the micro-batches in flight alone', async () => {
  const plain = await middleStep('F0 F1 F2 B0 B1 B2'.split(' '));
  expect(await middleStep('F0 E1 F1 F2 E0 B0 E2 I1 E0 W1 B2'.split(' '))).toEqual(plain);
});

test('state that was exported goes back as it is', async () => {
  await engine.load(middle);
  const state = initialize(layer2, 7);
  for (const { name, shape } of layer2.flatMap(({ parameters }) => parameters)) {
    for (const slot of ['exp_avg', 'exp_avg_sq']) {
      state.set(`optimizer.${slot}.${name}`, normal(`${slot} ${name}`, shape));
    }
  }
  await engine.importState(state);
  const exported = await engine.exportState();
  expect(new Map([...exported].toSorted())).toEqual(new Map([...state].toSorted()));
});

test('importState begins the step anew', async () => {
  const plain = await middleStep('F0 B0 F1 B1 F2 B2'.split(' '));
  void engine.forward(0, middleInputs[0] ?? tensor([0], new Float32Array()));
  void engine.backward(0, middleGradients[0] ?? null);
  void engine.forward(1, middleInputs[1] ?? tensor([0], new Float32Array()));
  expect(await middleStep('F0 B0 F1 B1 F2 B2'.split(' '))).toEqual(plain);
});

const single: Record<string, { operation: Operation; inputShape: Shape }> = {
  relu: { operation: { kind: 'relu', input: 'input', output: 'y' }, inputShape: [5, 3, 7] },
  'input + input': {
    operation: { kind: 'add', input: 'input', other: 'input', output: 'y' },
    inputShape: [6, 5, 3],
  },
  'max pool': {
    operation: { kind: 'maxPool', input: 'input', output: 'y', kernel: 3, stride: 2, padding: 1 },
    inputShape: [3, 9, 7],
  },
  'global average pool': {
    operation: { kind: 'globalAveragePool', input: 'input', output: 'y' },
    inputShape: [7, 3, 5],
  },
  'padding shortcut': {
    operation: {
      kind: 'padShortcut',
      input: 'input',
      output: 'y',
      inChannels: 6,
      outChannels: 12,
      stride: 2,
    },
    inputShape: [6, 5, 7],
  },
};

test.each(Object.entries(single))('a unit of one operation: %s', async (_, given) => {
  const unit: Unit = {
    name: 'unit',
    operations: [given.operation],
    output: 'y',
    parameters: [],
    buffers: [],
  };
  const spec: StageSpec = { ...middle, units: [unit], inputShape: given.inputShape };
  await engine.load(spec);
  await engine.importState(new Map());
  const reference = new ReferenceStage(spec, new Map());
  const input = normal('input', [2, ...given.inputShape]);
  const gradient = normal('gradient', [2, ...outputShapeOf([unit], given.inputShape)]);
  const output = reference.forward(0, toFloat64(input));
  const inputGradient = reference.backward(0, toFloat64(gradient));
  expect(relativeError(await engine.forward(0, input), output)).toBeLessThan(1e-6);
  expect(relativeError(await engine.backward(0, gradient), inputGradient)).toBeLessThan(1e-6);
  expect(relativeError(await engine.evaluate(input), output)).toBeLessThan(1e-6);
  await engine.applyOptimizer({ learningRate: 0.1, step: 1 });
  expect(await engine.exportState()).toEqual(new Map());
});

function normal(stream: string, shape: Shape): Tensor {
  const random = new Random(1, stream);
  const data = Float32Array.from({ length: elementCount(shape) }, () => random.normal());
  return tensor(shape, data);
}

/** The largest error, as a part of the largest value. */
function relativeError(actual: Tensor | null | undefined, expected: Tensor64): number {
  let largest = 1e-3;
  let worst = 0;
  expected.data.forEach((value, index) => {
    const error = Math.abs(value - (actual?.data[index] ?? NaN));
    largest = Math.max(largest, Math.abs(value));
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  });
  return worst / largest;
}

function worstRelativeError(actual: NamedTensors, expected: ReadonlyMap<string, Tensor64>): number {
  return Math.max(...[...expected].map(([name, value]) => relativeError(actual.get(name), value)));
}
