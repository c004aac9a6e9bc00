import type { MaxPool } from '../../../runtime/model/graph';
import { elementCount, type Shape } from '../../../runtime/tensor';
import { blockedMaxPool } from '../onnx/blocked-layout';
import { blockedMaxPoolInputGradient, halvesBlocks } from '../onnx/blocked-max-pool';
import { plain, type LaidOut } from '../onnx/layout';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { reshape } from '../onnx/operators';
import { reluInputGradient } from './relu';

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
 * The gradient of a max pool behind a ReLU, which alone feeds it, and of the ReLU: a window whose
 * largest value is zero passes nothing on, and there are fewer windows than values.
 */
export function reluMaxPoolInputGradient(
  graph: ModelBuilder,
  operation: MaxPool,
  outputGradient: LaidOut,
  { input, output }: { input: LaidOut; output: LaidOut },
): LaidOut {
  const stopped = reluInputGradient(graph, outputGradient, output);
  return halvesBlocks(input, operation)
    ? blockedMaxPoolInputGradient(graph, { input, output, outputGradient: stopped })
    : maxPoolInputGradient(graph, operation, stopped, input);
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
