import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, matrixProduct, reduce } from '../onnx/operators';

/**
 * @param input (N, inFeatures)
 * @param weight (outFeatures, inFeatures)
 */
export function linear(graph: ModelBuilder, input: Value, weight: Value, bias: Value): Value {
  const product = matrixProduct(graph, input, weight, { transB: true });
  return elementWise(graph, 'Add', product, bias);
}

/** @param outputGradient (N, outFeatures) */
export function linearInputGradient(
  graph: ModelBuilder,
  outputGradient: Value,
  weight: Value,
): Value {
  return matrixProduct(graph, outputGradient, weight, {});
}

export function linearWeightGradient(
  graph: ModelBuilder,
  input: Value,
  outputGradient: Value,
): { weight: Value; bias: Value } {
  return {
    weight: matrixProduct(graph, outputGradient, input, { transA: true }),
    bias: reduce(graph, 'ReduceSum', outputGradient, [0], { keep: false }),
  };
}
