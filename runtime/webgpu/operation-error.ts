import type { Operation } from '../model/graph';
import { accumulate, backwardOf, forwardOf } from '../reference/operation';
import { toFloat64, type Tensor64 } from '../reference/tensor64';
import type { NamedTensors, Tensor } from '../tensor';
import type { OperationModule } from './operation';
import { runOperation, type OperationInputs } from './run-operation';

/** What an operation gave and what it should have given. */
export interface OperationResult {
  /** Undefined where the operation gave nothing. */
  readonly actual: Tensor | undefined;
  readonly expected: Tensor64;
}

/**
 * Runs one operation on the GPU and in float64: its output, each input gradient
 * (`gradient of NAME`), each parameter and running statistic after it, and each parameter's
 * gradient, by name.
 */
export async function operationResults<Kind extends Operation>(
  device: GPUDevice,
  module: OperationModule<Kind>,
  operation: Kind,
  inputs: Omit<OperationInputs, 'outputShape'>,
  mode: 'training' | 'evaluation' = 'training',
): Promise<Map<string, OperationResult>> {
  const values = float64(Object.entries(inputs.values));
  const state = float64(inputs.tensors ?? []);
  const lookUp = (tensors: ReadonlyMap<string, Tensor64>) => (name: string) => {
    const found = tensors.get(name);
    if (!found) throw new Error(`the test gives no '${name}'`);
    return found;
  };
  const { output, step } = forwardOf(operation, lookUp(values), lookUp(state), mode);
  const inputGradients = float64(Object.entries(inputs.inputGradients ?? {}));
  const tensorGradients = float64(inputs.tensorGradients ?? []);
  if (inputs.outputGradient) {
    const gradients = backwardOf(step, toFloat64(inputs.outputGradient), lookUp(state));
    for (const [name, gradient] of gradients.inputs) accumulate(inputGradients, name, gradient);
    for (const [name, gradient] of gradients.parameters) {
      accumulate(tensorGradients, name, gradient);
    }
  }

  const actual = await runOperation(
    device,
    module,
    operation,
    { ...inputs, outputShape: output.shape },
    mode,
  );
  const collect = (
    prefix: string,
    found: NamedTensors,
    expected: Map<string, Tensor64>,
  ): Map<string, OperationResult> =>
    new Map(
      [...expected].map(([name, value]) => [
        prefix + name,
        { actual: found.get(name), expected: value },
      ]),
    );
  return new Map<string, OperationResult>([
    ['output', { actual: actual.output, expected: output }],
    ...collect('gradient of ', new Map(Object.entries(actual.inputGradients)), inputGradients),
    ...collect('', actual.tensors, state),
    ...collect('gradient of ', actual.tensorGradients, tensorGradients),
  ]);
}

/**
 * How far apart the {@link operationResults} are: the largest |actual - expected| / (1 + |expected|)
 * of each.
 */
export async function operationErrors<Kind extends Operation>(
  ...run: Parameters<typeof operationResults<Kind>>
): Promise<Map<string, number>> {
  const results = await operationResults(...run);
  return new Map(
    [...results].map(([name, { actual, expected }]) => [name, largestError(actual, expected)]),
  );
}

/** The largest |actual - expected| / (1 + |expected|); infinite where a value is missing or NaN. */
export function largestError(actual: Tensor | undefined, expected: Tensor64): number {
  return expected.data.reduce((largest, value, index) => {
    const error = Math.abs((actual?.data[index] ?? NaN) - value) / (1 + Math.abs(value));
    return Math.max(largest, Number.isNaN(error) ? Infinity : error);
  }, 0);
}

function float64(tensors: Iterable<readonly [string, Tensor]>): Map<string, Tensor64> {
  return new Map([...tensors].map(([name, value]) => [name, toFloat64(value)]));
}
