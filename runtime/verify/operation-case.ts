import type { Precision } from '../engine';
import { outputShapeOf, type Operation } from '../model/graph';
import { elementCount, formatShape, type NamedTensors, type Shape, type Tensor } from '../tensor';
import type { OperationModule } from '../webgpu/operation';
import type { PlannedOperation } from '../webgpu/fusion';
import { operationResults } from '../webgpu/operation-error';
import { convolutionWith } from '../webgpu/operations/convolution';
import { operationModules } from '../webgpu/operations/index';
import type { OperationInputs } from '../webgpu/run-operation';
import type { VerificationCase } from './case';
import { compare, type Comparison } from './comparison';
import { levels, normal, storable, variances } from './values';

/** An operation of the graph, whose values and tensors go by the names of their roles. */
export interface PlacedOperation {
  readonly operation: Operation;
  readonly batch: number;
  /** Without the batch axis: (C, H, W) or (C). */
  readonly inputShape: Shape;
}

export interface OperationCaseOptions {
  /** There are gradients of the input already, and the operation adds to them. */
  readonly accumulate?: boolean;
  /** The input has few different values, so that maxima come more than once. */
  readonly ties?: boolean;
  /** Which tiles a convolution's kernels have, 0 the smallest; the largest where absent. */
  readonly tile?: number;
  /** How values and their gradients are stored; f32 where absent. */
  readonly precision?: Precision;
}

/** How people call the operations. */
export const operationNames: Readonly<Record<PlannedOperation['kind'], string>> = {
  convolution: 'convolution',
  batchNorm: 'batch norm',
  batchNormRelu: 'batch norm with ReLU',
  relu: 'relu',
  add: 'add',
  maxPool: 'max pool',
  padShortcut: 'pad shortcut',
  globalAveragePool: 'global average pool',
  linear: 'linear',
};

const roleNames: Readonly<Record<string, string>> = {
  input: 'input',
  other: 'other',
  output: 'output',
  weight: 'weight',
  bias: 'bias',
  runningMean: 'running mean',
  runningVar: 'running variance',
};

/** The operation with every name replaced by its role's, so that equal ones look equal. */
function withRoleNames(operation: Operation): Operation {
  const renamed = Object.entries(operation).map(([role, value]: [string, unknown]) => [
    role,
    roleNames[role] ?? value,
  ]);
  return Object.fromEntries(renamed) as Operation;
}

/**
 * An operation against the float64 reference: its output, in training and evaluation where they
 * differ, the gradients of everything that it read, and the running statistics that it moved. The
 * gradients of parameters are added to some that are there, as in every step.
 */
export function operationCase(
  { operation: named, batch, inputShape }: PlacedOperation,
  options: OperationCaseOptions = {},
): VerificationCase {
  const operation = withRoleNames(named);
  const shape = describe(operation, [batch, ...inputShape], options);
  const { precision = 'f32' } = options;
  const op = opName(operationNames[operation.kind], precision);
  return {
    op,
    shape,
    against: 'float64',
    cost: costOf(operation, batch, inputShape),
    async run({ device }) {
      const inputs = inputsOf(operation, [batch, ...inputShape], `${op} ${shape}`, options);
      const module = moduleOf(operation, options);
      const results = await operationResults(device, module, operation, inputs);
      const comparisons: Comparison[] = [];
      for (const [name, { actual, expected }] of results) {
        // Parameters that no optimizer has moved yet.
        if (name === 'weight' || name === 'bias') continue;
        // Parameters' gradients and statistics are f32 whatever values are stored as.
        const isValue = /^(gradient of )?(output|input|other)$/.test(name);
        const storedAs = isValue ? precision : 'f32';
        comparisons.push(compare(resultName(name), actual?.data, expected.data, storedAs));
      }
      if (operation.kind === 'batchNorm') {
        const { values, tensors } = inputs;
        const given = tensors ? { values, tensors, precision } : { values, precision };
        const evaluated = await operationResults(device, module, operation, given, 'evaluation');
        const output = evaluated.get('output');
        if (output) {
          const { actual, expected } = output;
          comparisons.push(compare('output in evaluation', actual?.data, expected.data, precision));
        }
      }
      return comparisons;
    },
  };
}

function moduleOf(
  operation: Operation,
  { tile }: OperationCaseOptions,
): OperationModule<Operation> {
  if (operation.kind === 'convolution' && tile !== undefined) {
    return convolutionWith((_pass, _shape, count) => Math.min(tile, count - 1));
  }
  return operationModules[operation.kind];
}

/** The operation's name; with f16 another row of the table. */
export function opName(name: string, precision: Precision): string {
  return precision === 'f16' ? `${name} (f16)` : name;
}

/** `gradient of weight` to `weight gradient`. */
function resultName(name: string): string {
  const [, of] = /^gradient of (.*)$/.exec(name) ?? [];
  return of === undefined ? name : `${of} gradient`;
}

function inputsOf(
  operation: Operation,
  shape: Shape,
  key: string,
  { accumulate, ties, precision = 'f32' }: OperationCaseOptions,
): Omit<OperationInputs, 'outputShape'> {
  const make = (role: string, of: Shape): Tensor =>
    storable(normal(`${key} ${role}`, of), precision);
  const values: Record<string, Tensor> = {
    input: ties ? levels(`${key} input`, shape) : make('input', shape),
  };
  if (operation.kind === 'add') values['other'] = make('other', shape);
  const tensors = tensorsOf(operation, key);
  const outputShape = [shape[0] ?? 0, ...outputShapeWithoutBatch(operation, shape.slice(1))];
  return {
    values,
    tensors,
    outputGradient: make('output gradient', outputShape),
    inputGradients: accumulate ? { input: make('input gradient', shape) } : {},
    tensorGradients: new Map(
      [...tensors]
        .filter(([name]) => name === 'weight' || name === 'bias')
        .map(([name, tensor]) => [name, make(`${name} gradient`, tensor.shape)]),
    ),
    precision,
  };
}

/** Parameters of such a scale that the output's is 1. */
function tensorsOf(operation: Operation, key: string): NamedTensors {
  switch (operation.kind) {
    case 'convolution': {
      const { outChannels, inChannels, kernel } = operation;
      const shape = [outChannels, inChannels, kernel, kernel];
      const scale = 1 / Math.sqrt(inChannels * kernel * kernel);
      return new Map([['weight', normal(`${key} weight`, shape, scale)]]);
    }
    case 'linear': {
      const { outFeatures, inFeatures } = operation;
      const scale = 1 / Math.sqrt(inFeatures);
      return new Map([
        ['weight', normal(`${key} weight`, [outFeatures, inFeatures], scale)],
        ['bias', normal(`${key} bias`, [outFeatures])],
      ]);
    }
    case 'batchNorm': {
      const shape = [operation.channels];
      return new Map([
        ['weight', normal(`${key} weight`, shape)],
        ['bias', normal(`${key} bias`, shape)],
        ['running mean', normal(`${key} running mean`, shape)],
        ['running variance', variances(`${key} running variance`, shape)],
      ]);
    }
    default:
      return new Map();
  }
}

function outputShapeWithoutBatch(operation: Operation, inputShape: Shape): Shape {
  if (operation.kind === 'add') return inputShape;
  const { output } = operation;
  const operations = [operation];
  const unit = { name: 'verify', operations, output, parameters: [], buffers: [] };
  return outputShapeOf([unit], inputShape);
}

function costOf(operation: Operation, batch: number, inputShape: Shape): number {
  const outputs = batch * elementCount(outputShapeWithoutBatch(operation, inputShape));
  switch (operation.kind) {
    case 'convolution':
      return outputs * operation.inChannels * operation.kernel ** 2;
    case 'linear':
      return outputs * operation.inFeatures;
    case 'maxPool':
      return outputs * operation.kernel ** 2;
    default:
      return 4 * batch * elementCount(inputShape);
  }
}

function describe(operation: Operation, shape: Shape, options: OperationCaseOptions): string {
  const words = [formatShape(shape) + outputWords(operation)];
  if (operation.kind === 'convolution' || operation.kind === 'maxPool') {
    words.push(`${operation.kernel}x${operation.kernel}`);
  }
  if ('stride' in operation && operation.stride !== 1) words.push(`stride ${operation.stride}`);
  if (options.ties) words.push('with ties');
  if (options.accumulate) words.push('added');
  if (options.tile !== undefined) words.push(`tile ${options.tile}`);
  return words.join(', ');
}

/** Where the operation changes the number of channels. */
function outputWords(operation: Operation): string {
  switch (operation.kind) {
    case 'convolution':
    case 'padShortcut':
      return ` to ${operation.outChannels} channels`;
    case 'linear':
      return ` to ${operation.outFeatures}`;
    default:
      return '';
  }
}
