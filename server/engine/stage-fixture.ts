import type { StageSpec } from '../../runtime/engine';
import {
  buffersOf,
  parametersOf,
  type Operation,
  type TensorSpec,
  type Unit,
} from '../../runtime/model/graph';
import { Random } from '../../runtime/random';
import { toFloat64, type Tensor64 } from '../../runtime/reference/tensor64';
import { elementCount, type NamedTensors, type Shape, type Tensor } from '../../runtime/tensor';

/** Normal values of the given deviation, from the seed and the name. */
export function normal(shape: Shape, name: string, deviation = 1, mean = 0): Tensor {
  const random = new Random(7, name);
  const draw = (): number => mean + deviation * random.normal();
  return { shape, data: Float32Array.from({ length: elementCount(shape) }, draw) };
}

/** A unit of these operations alone; the last one's output is the unit's. */
export function unitOf(operations: readonly Operation[]): Unit {
  return {
    name: 'unit',
    operations,
    output: operations.at(-1)?.output ?? '',
    parameters: operations.flatMap(parametersOfOperation),
    buffers: operations.flatMap((operation) =>
      operation.kind === 'batchNorm'
        ? [operation.runningMean, operation.runningVar].map((name) =>
            owned(name, [operation.channels]),
          )
        : [],
    ),
  };
}

function parametersOfOperation(operation: Operation): TensorSpec[] {
  switch (operation.kind) {
    case 'convolution': {
      const { weight, outChannels, inChannels, kernel } = operation;
      return [owned(weight, [outChannels, inChannels, kernel, kernel])];
    }
    case 'linear': {
      const { weight, bias, outFeatures, inFeatures } = operation;
      return [owned(weight, [outFeatures, inFeatures]), owned(bias, [outFeatures])];
    }
    case 'batchNorm': {
      const { weight, bias, channels } = operation;
      return [owned(weight, [channels]), owned(bias, [channels])];
    }
    default:
      return [];
  }
}

function owned(name: string, shape: Shape): TensorSpec {
  return { name, shape, initialization: { kind: 'constant', value: 0 } };
}

/** Values that make no operation trivial: weights near unit gain, no scale 1, no bias 0. */
export function randomState(units: readonly Unit[]): NamedTensors {
  const tensors = [...parametersOf(units), ...buffersOf(units)];
  return new Map(
    tensors.map(({ name, shape }) => {
      const [, ...fanIn] = shape;
      if (fanIn.length > 0) return [name, normal(shape, name, elementCount(fanIn) ** -0.5)];
      const { data } = normal(shape, name, 0.3);
      const scale = name.endsWith('var') || name.endsWith('weight');
      return [name, { shape, data: scale ? data.map((value) => 1 + Math.abs(value)) : data }];
    }),
  );
}

export function specOf(
  units: readonly Unit[],
  inputShape: Shape,
  overrides: Partial<StageSpec> = {},
): StageSpec {
  return {
    units,
    inputShape,
    microBatchSize: 2,
    numMicroBatches: 2,
    maxInFlight: 2,
    needsInputGradient: true,
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-3 },
    ...overrides,
  };
}

/** The largest difference, relative to the largest expected value; Infinity for a wrong shape. */
export function relativeError(actual: Tensor, expected: Tensor64 | Tensor): number {
  if (actual.shape.join('x') !== expected.shape.join('x')) return Infinity;
  let largest = 0;
  let difference = 0;
  expected.data.forEach((value, index) => {
    largest = Math.max(largest, Math.abs(value));
    // NaN where there is none, and NaN wins over every other difference.
    difference = Math.max(difference, Math.abs(value - (actual.data[index] ?? NaN)));
  });
  return difference === 0 ? 0 : difference / largest;
}

export function at64(tensor: Tensor | null): Tensor64 {
  if (!tensor) throw new Error('expected a tensor, got null');
  return toFloat64(tensor);
}
