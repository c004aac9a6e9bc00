import { elementCount, formatShape, ShapeError, type Shape } from '../tensor';

/*
 * A network is a list of units, the smallest things that a cut can separate. A unit is a static
 * graph: operations in topological order over values named within the unit. The value `input` is
 * the unit's input; `output` names the value that the next unit reads.
 */

/** Convolution without bias; weight is (outChannels, inChannels, kernel, kernel). */
export interface Convolution {
  readonly kind: 'convolution';
  readonly input: string;
  readonly output: string;
  readonly weight: string;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** Batch norm over N, H, W; all five tensors have shape (channels). */
export interface BatchNorm {
  readonly kind: 'batchNorm';
  readonly input: string;
  readonly output: string;
  readonly weight: string;
  readonly bias: string;
  readonly runningMean: string;
  readonly runningVar: string;
  readonly channels: number;
  readonly epsilon: number;
  readonly momentum: number;
}

export interface Relu {
  readonly kind: 'relu';
  readonly input: string;
  readonly output: string;
}

/** Element-wise sum of two values of one shape. */
export interface Add {
  readonly kind: 'add';
  readonly input: string;
  readonly other: string;
  readonly output: string;
}

export interface MaxPool {
  readonly kind: 'maxPool';
  readonly input: string;
  readonly output: string;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/**
 * The parameter-free shortcut of the CIFAR ResNets (He et al. 2015, option A): every `stride`-th
 * pixel, channels padded with zeros on both sides: out[n, before + c, y, x] = in[n, c, sy, sx],
 * before = (outChannels - inChannels) / 2.
 */
export interface PadShortcut {
  readonly kind: 'padShortcut';
  readonly input: string;
  readonly output: string;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
}

/** Mean over H and W: (N, C, H, W) to (N, C). */
export interface GlobalAveragePool {
  readonly kind: 'globalAveragePool';
  readonly input: string;
  readonly output: string;
}

/** (N, inFeatures) to (N, outFeatures); weight is (outFeatures, inFeatures), bias (outFeatures). */
export interface Linear {
  readonly kind: 'linear';
  readonly input: string;
  readonly output: string;
  readonly weight: string;
  readonly bias: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

export type Operation =
  Convolution | BatchNorm | Relu | Add | MaxPool | PadShortcut | GlobalAveragePool | Linear;

/** How a parameter starts: Kaiming normal (fan out, ReLU), uniform in ±bound, or a constant. */
export type Initialization =
  | { readonly kind: 'kaimingNormal'; readonly fanOut: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'constant'; readonly value: number };

/** A tensor that a unit owns; `name` is torchvision's (`layer3.0.conv1.weight`). */
export interface TensorSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initialization: Initialization;
}

export interface Unit {
  readonly name: string;
  readonly operations: readonly Operation[];
  readonly output: string;
  /** What the optimizer moves. */
  readonly parameters: readonly TensorSpec[];
  /** Running statistics of the batch norms. */
  readonly buffers: readonly TensorSpec[];
}

export interface Model {
  readonly architecture: string;
  readonly numClasses: number;
  readonly units: readonly Unit[];
}

/** Output size of a convolution or pooling window along one axis. */
export function windowOutputSize(
  size: number,
  { kernel, stride, padding }: { kernel: number; stride: number; padding: number },
): number {
  return Math.floor((size + 2 * padding - kernel) / stride) + 1;
}

/**
 * The shape of every value of a unit, without the batch axis.
 *
 * @param inputShape (C, H, W), or (C) after the pooling
 * @throws ShapeError when an operation can't take what reaches it
 */
export function inferShapes(unit: Unit, inputShape: Shape): Map<string, Shape> {
  const shapes = new Map<string, Shape>([['input', inputShape]]);
  for (const operation of unit.operations) {
    const shape = shapeOf(unit, shapes, operation.input);
    shapes.set(operation.output, outputShape(unit, operation, shape, shapes));
  }
  return shapes;
}

/** The shape that a run of units makes of (C, H, W); without the batch axis. */
export function outputShapeOf(units: readonly Unit[], inputShape: Shape): Shape {
  return units.reduce<Shape>(
    (shape, unit) => shapeOf(unit, inferShapes(unit, shape), unit.output),
    inputShape,
  );
}

export function parametersOf(units: readonly Unit[]): TensorSpec[] {
  return units.flatMap((unit) => unit.parameters);
}

export function buffersOf(units: readonly Unit[]): TensorSpec[] {
  return units.flatMap((unit) => unit.buffers);
}

export function countParameters(units: readonly Unit[]): number {
  return parametersOf(units).reduce((count, { shape }) => count + elementCount(shape), 0);
}

function shapeOf(unit: Unit, shapes: ReadonlyMap<string, Shape>, value: string): Shape {
  const shape = shapes.get(value);
  if (!shape) throw new ShapeError(`unit ${unit.name} reads '${value}' before anything writes it`);
  return shape;
}

function outputShape(
  unit: Unit,
  operation: Operation,
  input: Shape,
  shapes: ReadonlyMap<string, Shape>,
): Shape {
  const [channels = 0, height = 0, width = 0] = input;
  const fail = (expected: string): never => {
    throw new ShapeError(
      `${unit.name}, ${operation.kind} '${operation.output}': expected ${expected}, got ${formatShape(input)}`,
    );
  };
  switch (operation.kind) {
    case 'convolution':
    case 'maxPool': {
      const inChannels = operation.kind === 'convolution' ? operation.inChannels : channels;
      const outChannels = operation.kind === 'convolution' ? operation.outChannels : channels;
      const outHeight = windowOutputSize(height, operation);
      const outWidth = windowOutputSize(width, operation);
      if (input.length !== 3 || channels !== inChannels) fail(`${inChannels}xHxW`);
      if (outHeight < 1 || outWidth < 1) fail(`a picture of ${operation.kernel} pixels or more`);
      return [outChannels, outHeight, outWidth];
    }
    case 'padShortcut':
      if (input.length !== 3 || channels !== operation.inChannels) {
        fail(`${operation.inChannels}xHxW`);
      }
      return [
        operation.outChannels,
        Math.ceil(height / operation.stride),
        Math.ceil(width / operation.stride),
      ];
    case 'batchNorm':
      if (channels !== operation.channels) fail(`${operation.channels} channels`);
      return input;
    case 'relu':
      return input;
    case 'add': {
      const other = shapeOf(unit, shapes, operation.other);
      if (formatShape(other) !== formatShape(input)) fail(formatShape(other));
      return input;
    }
    case 'globalAveragePool':
      if (input.length !== 3) fail('CxHxW');
      return [channels];
    case 'linear':
      if (input.length !== 1 || channels !== operation.inFeatures) fail(`${operation.inFeatures}`);
      return [operation.outFeatures];
  }
}
