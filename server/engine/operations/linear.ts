import type { Linear } from '../../../runtime/model/graph';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { reduce } from '../onnx/operators';

/** @param weight (outFeatures, inFeatures) */
export function linear(
  graph: ModelBuilder,
  { outFeatures }: Linear,
  input: Value,
  weight: Value,
  bias: Value,
): Value {
  const [samples = 0] = input.shape;
  return graph.node('Gemm', [input, weight, bias], [samples, outFeatures], { transB: 1 });
}

export function linearInputGradient(
  graph: ModelBuilder,
  { inFeatures }: Linear,
  outputGradient: Value,
  weight: Value,
): Value {
  const [samples = 0] = outputGradient.shape;
  return graph.node('MatMul', [outputGradient, weight], [samples, inFeatures]);
}

export function linearWeightGradient(
  graph: ModelBuilder,
  { inFeatures, outFeatures }: Linear,
  input: Value,
  outputGradient: Value,
): { weight: Value; bias: Value } {
  return {
    weight: graph.node('Gemm', [outputGradient, input], [outFeatures, inFeatures], { transA: 1 }),
    bias: reduce(graph, 'ReduceSum', outputGradient, [0], { keep: false }),
  };
}
