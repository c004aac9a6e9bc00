import { elementCount, type Shape } from '../../../runtime/tensor';
import { blockedPlaneMeans } from '../onnx/blocked-layout';
import { blocked, layoutOf, type LaidOut } from '../onnx/layout';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, reshape, scalar } from '../onnx/operators';

/**
 * (N, C, H, W) to (N, C). Not ReduceMean: its order of summation follows the memory's alignment,
 * which differs between a value inside the graph and one that comes from another stage.
 */
export function globalAveragePool(graph: ModelBuilder, input: LaidOut): Value {
  if (input.blockSize !== undefined) return blockedPlaneMeans(graph, input);
  const [samples = 0, channels = 0] = input.shape;
  const means = graph.node('GlobalAveragePool', [input], [samples, channels, 1, 1]);
  return reshape(graph, means, [samples, channels]);
}

/** @param blockSize of the stage */
export function globalAveragePoolInputGradient(
  graph: ModelBuilder,
  outputGradient: Value,
  inputShape: Shape,
  blockSize: number | undefined,
): LaidOut {
  const [samples = 0, channels = 0, ...pixels] = inputShape;
  const count = elementCount(pixels);
  const scaled = elementWise(graph, 'Mul', outputGradient, scalar(graph, 1 / count));
  // In plain order a block is one channel.
  const block = layoutOf(inputShape, blockSize) ?? 1;
  const single = reshape(graph, scaled, [samples, channels / block, 1, block]);
  const blocks = [samples, channels / block, count, block];
  const expanded = graph.node('Expand', [single, graph.integers(blocks)], blocks);
  const whole = reshape(graph, expanded, inputShape);
  return block === 1 ? whole : blocked(whole, block);
}
