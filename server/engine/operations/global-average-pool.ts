import { elementCount, type Shape } from '../../../runtime/tensor';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, reduce, reshape, scalar } from '../onnx/operators';

/** (N, C, H, W) to (N, C). */
export function globalAveragePool(graph: ModelBuilder, input: Value): Value {
  return reduce(graph, 'ReduceMean', input, [2, 3], { keep: false });
}

export function globalAveragePoolInputGradient(
  graph: ModelBuilder,
  outputGradient: Value,
  inputShape: Shape,
): Value {
  const [samples = 0, channels = 0, ...pixels] = inputShape;
  const share = scalar(graph, 1 / elementCount(pixels));
  const scaled = elementWise(graph, 'Mul', outputGradient, share);
  const single = reshape(graph, scaled, [samples, channels, 1, 1]);
  return graph.node('Expand', [single, graph.integers(inputShape)], inputShape);
}
