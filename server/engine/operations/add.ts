import { eachElement, type LaidOut } from '../onnx/layout';
import type { ModelBuilder } from '../onnx/model-builder';

export function add(graph: ModelBuilder, a: LaidOut, b: LaidOut): LaidOut {
  return eachElement(graph, 'Add', [a, b]);
}
