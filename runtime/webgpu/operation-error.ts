import type { Operation } from '../model/graph';
import { accumulate, backwardOf, forwardOf } from '../reference/operation';
import { toFloat64, type Tensor64 } from '../reference/tensor64';
import type { NamedTensors, Tensor } from '../tensor';
import type { OperationModule } from './operation';
import { runOperation, type OperationInputs } from './run-operation';

/**
 * Runs one operation on the GPU and in float64 and says how far apart they are: for its output,
 * each input gradient (`gradient of NAME`), each running statistic and each parameter's gradient,
 * the largest |actual - expected| / (1 + |expected|).
 */
export async function operationErrors<Kind extends Operation>(
  device: GPUDevice,
  module: OperationModule<Kind>,
  operation: Kind,
  inputs: Omit<OperationInputs, 'outputShape'>,
  mode: 'training' | 'evaluation' = 'training',
): Promise<Map<string, number>> {
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
  const errors = new Map([['output', largestError(actual.output, output)]]);
  const compare = (
    prefix: string,
    results: NamedTensors,
    expected: Map<string, Tensor64>,
  ): void => {
    for (const [name, value] of expected) {
      errors.set(prefix + name, largestError(results.get(name), value));
    }
  };
  compare('gradient of ', new Map(Object.entries(actual.inputGradients)), inputGradients);
  compare('', actual.tensors, state);
  compare('gradient of ', actual.tensorGradients, tensorGradients);
  return errors;
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
