import { elementCount, type Shape } from '../../../runtime/tensor';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, reshape, scalar } from '../onnx/operators';

/**
 * (N, C, H, W) to (N, C). Not ReduceMean: its order of summation follows the memory's alignment,
 * which differs between a value inside the graph and one that comes from another stage.
 */
export function globalAveragePool(graph: ModelBuilder, input: Value): Value {
  const [samples = 0, channels = 0] = input.shape;
  const means = graph.node('GlobalAveragePool', [input], [samples, channels, 1, 1]);
  return reshape(graph, means, [samples, channels]);
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
