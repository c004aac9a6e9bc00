import type { Operation } from '../model/graph';
import { add } from './add';
import {
  batchNormBackward,
  batchNormEvaluation,
  batchNormTraining,
  type BatchNormState,
  type BatchStatistics,
} from './batch-norm';
import { convolution, convolutionInputGradient, convolutionWeightGradient } from './convolution';
import { globalAveragePool, globalAveragePoolBackward } from './global-average-pool';
import { linear, linearBackward } from './linear';
import { maxPool, maxPoolBackward } from './max-pool';
import { padShortcut, padShortcutBackward } from './pad-shortcut';
import { relu, reluBackward } from './relu';
import { addAt, at, type Tensor64 } from './tensor64';

/** One operation's forward, as its backward needs it. */
export interface StepBack {
  readonly operation: Operation;
  readonly input: Tensor64;
  readonly output: Tensor64;
  readonly statistics?: BatchStatistics;
  readonly argmax?: Float64Array;
}

/** Gradients by name: of the values that the operation read, and of its parameters. */
export interface OperationGradients {
  readonly inputs: readonly (readonly [string, Tensor64])[];
  readonly parameters: readonly (readonly [string, Tensor64])[];
}

type Lookup = (name: string) => Tensor64;

/**
 * Runs any operation of the model graph forward.
 *
 * @param value the unit's values by name
 * @param state parameters and buffers by name; a training batch norm moves its running statistics
 */
export function forwardOf(
  operation: Operation,
  value: Lookup,
  state: Lookup,
  mode: 'training' | 'evaluation',
): { output: Tensor64; step: StepBack } {
  const input = value(operation.input);
  const done = (
    output: Tensor64,
    saved: Pick<StepBack, 'statistics' | 'argmax'> = {},
  ): { output: Tensor64; step: StepBack } => ({
    output,
    step: { operation, input, output, ...saved },
  });
  switch (operation.kind) {
    case 'convolution':
      return done(convolution(input, state(operation.weight), operation));
    case 'batchNorm': {
      const tensors: BatchNormState = {
        weight: state(operation.weight),
        bias: state(operation.bias),
        runningMean: state(operation.runningMean),
        runningVar: state(operation.runningVar),
      };
      if (mode === 'evaluation') {
        return done(batchNormEvaluation(input, tensors, operation.epsilon));
      }
      const { output, statistics } = batchNormTraining(input, tensors, operation);
      return done(output, { statistics });
    }
    case 'relu':
      return done(relu(input));
    case 'add':
      return done(add(input, value(operation.other)));
    case 'padShortcut':
      return done(padShortcut(input, operation));
    case 'maxPool': {
      const { output, argmax } = maxPool(input, operation);
      return done(output, { argmax });
    }
    case 'globalAveragePool':
      return done(globalAveragePool(input));
    case 'linear':
      return done(linear(input, state(operation.weight), state(operation.bias)));
  }
}

/** The gradients of one operation, given that of its output. */
export function backwardOf(
  { operation, input, output, statistics, argmax }: StepBack,
  outputGradient: Tensor64,
  state: Lookup,
): OperationGradients {
  const toInput = (gradient: Tensor64): OperationGradients => ({
    inputs: [[operation.input, gradient]],
    parameters: [],
  });
  switch (operation.kind) {
    case 'convolution': {
      const weight = state(operation.weight);
      return {
        inputs: [
          [
            operation.input,
            convolutionInputGradient(outputGradient, weight, input.shape, operation),
          ],
        ],
        parameters: [
          [
            operation.weight,
            convolutionWeightGradient(outputGradient, input, weight.shape, operation),
          ],
        ],
      };
    }
    case 'batchNorm': {
      if (!statistics) throw new Error(`${operation.output}: the forward was not a training one`);
      const weight = state(operation.weight);
      return named(operation, batchNormBackward(outputGradient, input, weight, statistics));
    }
    case 'relu':
      return toInput(reluBackward(outputGradient, output));
    case 'add':
      return {
        inputs: [
          [operation.input, outputGradient],
          [operation.other, outputGradient],
        ],
        parameters: [],
      };
    case 'padShortcut':
      return toInput(padShortcutBackward(outputGradient, input.shape, operation));
    case 'maxPool':
      if (!argmax) throw new Error(`${operation.output}: the forward kept no argmax`);
      return toInput(maxPoolBackward(outputGradient, argmax, input.shape));
    case 'globalAveragePool':
      return toInput(globalAveragePoolBackward(outputGradient, input.shape));
    case 'linear':
      return named(operation, linearBackward(outputGradient, input, state(operation.weight)));
  }
}

function named(
  { input, weight, bias }: Extract<Operation, { kind: 'batchNorm' | 'linear' }>,
  gradients: ReturnType<typeof linearBackward>,
): OperationGradients {
  return {
    inputs: [[input, gradients.inputGradient]],
    parameters: [
      [weight, gradients.weightGradient],
      [bias, gradients.biasGradient],
    ],
  };
}

/** Adds to a tensor by name; a new one is a copy, so that no two names share data. */
export function accumulate(
  sums: Map<string, Tensor64>,
  name: string,
  { shape, data }: Tensor64,
): void {
  const sum = sums.get(name);
  if (!sum) sums.set(name, { shape, data: data.slice() });
  else
    data.forEach((_, index) => {
      addAt(sum.data, index, at(data, index));
    });
}
