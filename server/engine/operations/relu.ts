import { eachElement, type LaidOut } from '../onnx/layout';
import type { ModelBuilder } from '../onnx/model-builder';

export function relu(graph: ModelBuilder, input: LaidOut): LaidOut {
  return eachElement(graph, 'Relu', [input]);
}

/**
 * The output's gradient where the output is above zero, else 0.
 *
 * The mask is HardSigmoid with a slope of 3e38: max(0, min(1, 3e38 x)) is 1 for every positive
 * normal number. Greater with Where takes three times as long in ONNX Runtime, Sign six times.
 */
export function reluInputGradient(
  graph: ModelBuilder,
  outputGradient: LaidOut,
  output: LaidOut,
): LaidOut {
  const slope = { alpha: { float: 3e38 }, beta: { float: 0 } };
  return eachElement(graph, 'Mul', [
    outputGradient,
    eachElement(graph, 'HardSigmoid', [output], slope),
  ]);
}
