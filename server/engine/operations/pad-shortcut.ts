import type { PadShortcut } from '../../../runtime/model/graph';
import type { Shape } from '../../../runtime/tensor';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { pad, slice, spreadPixels } from '../onnx/operators';

export function padShortcut(graph: ModelBuilder, operation: PadShortcut, input: Value): Value {
  const { inChannels, outChannels, stride } = operation;
  const [, , height = 0, width = 0] = input.shape;
  const kept =
    stride === 1
      ? input
      : slice(graph, input, [2, 3], { start: [0, 0], end: [height, width], step: stride });
  const before = (outChannels - inChannels) / 2;
  const behind = outChannels - inChannels - before;
  return pad(graph, kept, [0, before, 0, 0], [0, behind, 0, 0]);
}

/** The gradient of the channels that were kept, with zeros at the pixels that were skipped. */
export function padShortcutInputGradient(
  graph: ModelBuilder,
  { inChannels, outChannels, stride }: PadShortcut,
  outputGradient: Value,
  inputShape: Shape,
): Value {
  const before = (outChannels - inChannels) / 2;
  const kept = slice(graph, outputGradient, [1], { start: [before], end: [before + inChannels] });
  return spreadPixels(graph, kept, stride, inputShape);
}
