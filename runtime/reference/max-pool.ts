import { windowOutputSize, type MaxPool } from '../model/graph';
import type { Shape } from '../tensor';
import { addAt, at, zeros64, type Tensor64 } from './tensor64';

type Window = Pick<MaxPool, 'kernel' | 'stride' | 'padding'>;

/**
 * The largest value of each window. Pixels in the padding don't count; of equal values the first
 * in row-major order is taken, as PyTorch does, and alone gets the gradient.
 */
export function maxPool(
  input: Tensor64,
  window: Window,
): { output: Tensor64; argmax: Float64Array } {
  const [samples = 0, channels = 0, height = 0, width = 0] = input.shape;
  const { kernel, stride, padding } = window;
  const output = zeros64([
    samples,
    channels,
    windowOutputSize(height, window),
    windowOutputSize(width, window),
  ]);
  const [, , outHeight = 0, outWidth = 0] = output.shape;
  const argmax = new Float64Array(output.data.length);
  let to = 0;
  for (let plane = 0; plane < samples * channels; plane++) {
    for (let y = 0; y < outHeight; y++) {
      for (let x = 0; x < outWidth; x++, to++) {
        let best = -Infinity;
        for (let ky = 0; ky < kernel; ky++) {
          const inY = y * stride + ky - padding;
          if (inY < 0 || inY >= height) continue;
          for (let kx = 0; kx < kernel; kx++) {
            const inX = x * stride + kx - padding;
            if (inX < 0 || inX >= width) continue;
            const from = (plane * height + inY) * width + inX;
            if (at(input.data, from) <= best) continue;
            best = at(input.data, from);
            argmax[to] = from;
          }
        }
        output.data[to] = best;
      }
    }
  }
  return { output, argmax };
}

/** Sends each output's gradient to the input index that `maxPool` took it from. */
export function maxPoolBackward(
  outputGradient: Tensor64,
  argmax: Float64Array,
  inputShape: Shape,
): Tensor64 {
  const gradient = zeros64(inputShape);
  outputGradient.data.forEach((dy, index) => {
    addAt(gradient.data, at(argmax, index), dy);
  });
  return gradient;
}
