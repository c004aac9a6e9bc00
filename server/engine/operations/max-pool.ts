import type { MaxPool } from '../../../runtime/model/graph';
import { elementCount, type Shape } from '../../../runtime/tensor';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { reshape } from '../onnx/operators';

export function maxPool(
  graph: ModelBuilder,
  operation: MaxPool,
  input: Value,
  outputShape: Shape,
): Value {
  return graph.node('MaxPool', [input], outputShape, window(operation));
}

export interface MaxPoolWithIndices {
  readonly output: Value;
  /** Of the first largest value of each window: an index into the whole input (int64). */
  readonly indices: Value;
}

/** As {@link maxPool}, by ONNX Runtime's slower path, which also says where the values stood. */
export function maxPoolWithIndices(
  graph: ModelBuilder,
  operation: MaxPool,
  input: Value,
  outputShape: Shape,
): MaxPoolWithIndices {
  const shapes = [outputShape, outputShape];
  const [output, indices] = graph.nodes('MaxPool', [input], shapes, window(operation));
  if (!output || !indices) throw new Error('MaxPool: expected two outputs');
  return { output, indices };
}

/** Adds each window's gradient at the input that the window took. */
export function maxPoolInputGradient(
  graph: ModelBuilder,
  outputGradient: Value,
  indices: Value,
  inputShape: Shape,
): Value {
  const count = elementCount(outputGradient.shape);
  const size = [elementCount(inputShape)];
  const zeros = graph.node('ConstantOfShape', [graph.integers(size)], size);
  const sums = graph.node(
    'ScatterElements',
    [zeros, reshape(graph, indices, [count]), reshape(graph, outputGradient, [count])],
    size,
    { axis: 0, reduction: 'add' },
  );
  return reshape(graph, sums, inputShape);
}

function window({ kernel, stride, padding }: MaxPool): Record<string, readonly number[]> {
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
}
