import type { PadShortcut } from '../../../runtime/model/graph';
import type { Shape } from '../../../runtime/tensor';
import { plain, type LaidOut } from '../onnx/layout';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { pad, slice, spreadPixels } from '../onnx/operators';

export function padShortcut(graph: ModelBuilder, operation: PadShortcut, input: LaidOut): Value {
  const { inChannels, outChannels, stride } = operation;
  const [, , height = 0, width = 0] = input.shape;
  const pixels = plain(graph, input);
  const kept =
    stride === 1
      ? pixels
      : slice(graph, pixels, [2, 3], { start: [0, 0], end: [height, width], step: stride });
  const before = (outChannels - inChannels) / 2;
  const behind = outChannels - inChannels - before;
  return pad(graph, kept, [0, before, 0, 0], [0, behind, 0, 0]);
}

/** The gradient of the channels that were kept, with zeros at the pixels that were skipped. */
export function padShortcutInputGradient(
  graph: ModelBuilder,
  { inChannels, outChannels, stride }: PadShortcut,
  outputGradient: LaidOut,
  inputShape: Shape,
): Value {
  const before = (outChannels - inChannels) / 2;
  const range = { start: [before], end: [before + inChannels] };
  const kept = slice(graph, plain(graph, outputGradient), [1], range);
  return spreadPixels(graph, kept, stride, inputShape);
}
