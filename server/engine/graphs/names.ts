import type { Shape } from '../../../runtime/tensor';
import type { WeightOrder } from '../operations/convolution';

/*
 * What the graphs of a stage hand to each other, by the names of their inputs and outputs.
 * Parameters and buffers go by their own names, a parameter's gradient by `gradient:NAME`.
 */

/** A value that the forward saves for the backward, or the stage's input. */
export const savedName = (value: string): string => `value:${value}`;
/** The stage's input. */
export const inputName = savedName('input');
/** The stage's output, in the forward and the evaluation graph. */
export const outputName = 'output';
/** The gradient of the stage's output, an input of the backward graphs. */
export const outputGradientName = 'outputGradient';
/** The gradient of the stage's input, an output of the backward graphs. */
export const inputGradientName = 'inputGradient';

/** The loss's targets (N, classes), an input of the step graph. */
export const targetsName = 'targets';

/** Mean and variance of a batch norm's input. */
export const meanName = (value: string): string => `mean:${value}`;
export const varianceName = (value: string): string => `variance:${value}`;
/** The gradient of a value, which the first half of the backward saves for the second. */
export const valueGradientName = (value: string): string => `gradientOf:${value}`;
/** A convolution's weights in another order than the parameter's own. */
export const orderedName = (weight: string, { rotated, blockSize }: WeightOrder): string =>
  rotated || blockSize !== undefined
    ? `${rotated ? 'rotated' : 'plain'} in blocks of ${blockSize ?? 1}:${weight}`
    : weight;
export const gradientName = (parameter: string): string => `gradient:${parameter}`;

/** A built graph: the bytes of an ONNX model, and what goes in and comes out. */
export interface BuiltGraph {
  readonly model: Uint8Array;
  readonly inputs: readonly NamedShape[];
  readonly outputs: readonly NamedShape[];
}

export interface NamedShape {
  readonly name: string;
  readonly shape: Shape;
}
