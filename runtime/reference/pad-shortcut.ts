import type { PadShortcut } from '../model/graph';
import type { Shape } from '../tensor';
import { at, zeros64, type Tensor64 } from './tensor64';

/** out[n, before + c, y, x] = in[n, c, s y, s x], before = (outChannels - C) / 2; the rest is 0. */
export function padShortcut(
  input: Tensor64,
  { outChannels, stride }: Pick<PadShortcut, 'outChannels' | 'stride'>,
): Tensor64 {
  const [samples = 0, , height = 0, width = 0] = input.shape;
  const output = zeros64([
    samples,
    outChannels,
    Math.ceil(height / stride),
    Math.ceil(width / stride),
  ]);
  forEachPair(input.shape, output.shape, stride, (from, to) => {
    output.data[to] = at(input.data, from);
  });
  return output;
}

/** The gradient of {@link padShortcut}'s input, of shape `inputShape`. */
export function padShortcutBackward(
  outputGradient: Tensor64,
  inputShape: Shape,
  { stride }: Pick<PadShortcut, 'stride'>,
): Tensor64 {
  const gradient = zeros64(inputShape);
  forEachPair(inputShape, outputGradient.shape, stride, (from, to) => {
    gradient.data[from] = at(outputGradient.data, to);
  });
  return gradient;
}

/** Visits each input value that is kept, with the output that it becomes. */
function forEachPair(
  [samples = 0, inChannels = 0, height = 0, width = 0]: Shape,
  [, outChannels = 0, outHeight = 0, outWidth = 0]: Shape,
  stride: number,
  visit: (input: number, output: number) => void,
): void {
  const before = (outChannels - inChannels) / 2;
  for (let n = 0; n < samples; n++) {
    for (let c = 0; c < inChannels; c++) {
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++) {
          visit(
            ((n * inChannels + c) * height + y * stride) * width + x * stride,
            ((n * outChannels + before + c) * outHeight + y) * outWidth + x,
          );
        }
      }
    }
  }
}
