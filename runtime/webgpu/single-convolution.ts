import type { Precision } from '../engine';
import type { Dispatch } from './kernel';
import { allocate, type Region } from './memory';
import type { OperationContext } from './operation';
import {
  convolutionWith,
  largestTiles,
  type ConvolutionPass,
  type ConvolutionShape,
  type TileChoice,
} from './operations/convolution';
import { inPrecision } from './precision';
import { valueBytes, type Value, type ValueLayout } from './value';

/** One product of a convolution, planned outside of any stage: how it is timed by itself. */
export interface SingleConvolution {
  readonly dispatches: readonly Dispatch[];
  readonly x: Value;
  readonly weight: Region;
  readonly dy: Value;
  /** What the product writes; the weight gradient is added to what is there. */
  readonly result: Region;
}

export function planSingleConvolution(
  pass: ConvolutionPass,
  { operation, input, output }: ConvolutionShape,
  choose: TileChoice = largestTiles,
  precision: Precision = 'f32',
): SingleConvolution {
  const module = convolutionWith(choose);
  const weightBytes = module.tensors?.(operation).get(operation.weight)?.bytes ?? 0;
  const valueOf = (label: string, layout: ValueLayout): Value => ({
    layout,
    region: allocate(label, valueBytes(layout, precision)),
  });
  const x = valueOf('x', input);
  const dy = valueOf('dy', output);
  const weight = allocate('weight', weightBytes);
  const written = {
    forward: output,
    inputGradient: input,
    weightGradient: undefined,
  }[pass];
  const result = written ? valueOf('result', written).region : allocate('result', weightBytes);
  const buffers = new Map<string, Region>();
  const context: OperationContext = {
    value: (name) => (name === operation.input ? x : { layout: output, region: result }),
    outputGradient: () => dy,
    inputGradient: () => ({ layout: input, region: result, accumulate: false }),
    tensor: () => weight,
    tensorGradient: () => result,
    buffer(label, bytes) {
      const region = buffers.get(label) ?? allocate(label, bytes);
      buffers.set(label, region);
      return region;
    },
  };
  const dispatches = {
    forward: () => module.forward(operation, context),
    inputGradient: () => module.backwardInput(operation, context),
    weightGradient: () => module.backwardWeight?.(operation, context) ?? [],
  }[pass]();
  return { dispatches: inPrecision(dispatches, precision), x, weight, dy, result };
}
