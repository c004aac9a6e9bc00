import type { MaxPool } from '../../../runtime/model/graph';
import { elementCount, type Shape } from '../../../runtime/tensor';
import { blockedMaxPool } from '../onnx/blocked-layout';
import { plain, type LaidOut } from '../onnx/layout';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { reshape } from '../onnx/operators';

export function maxPool(
  graph: ModelBuilder,
  operation: MaxPool,
  input: LaidOut,
  outputShape: Shape,
): LaidOut {
  return input.blockSize === undefined
    ? graph.node('MaxPool', [input], outputShape, window(operation))
    : blockedMaxPool(graph, input, outputShape, operation);
}

/**
 * Adds each window's gradient at the first of the largest values in the window, whose places
 * ONNX Runtime's slower max pool gives.
 */
export function maxPoolInputGradient(
  graph: ModelBuilder,
  operation: MaxPool,
  outputGradient: LaidOut,
  input: LaidOut,
): Value {
  const { shape } = outputGradient;
  const shapes = [shape, shape];
  const [, indices] = graph.nodes('MaxPool', [plain(graph, input)], shapes, window(operation));
  if (!indices) throw new Error('MaxPool: expected two outputs');
  const count = elementCount(shape);
  const size = [elementCount(input.shape)];
  const zeros = graph.node('ConstantOfShape', [graph.integers(size)], size);
  const sums = graph.node(
    'ScatterElements',
    [
      zeros,
      reshape(graph, indices, [count]),
      reshape(graph, plain(graph, outputGradient), [count]),
    ],
    size,
    { axis: 0, reduction: 'add' },
  );
  return reshape(graph, sums, input.shape);
}

function window({ kernel, stride, padding }: MaxPool): Record<string, readonly number[]> {
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
}
