import type { Shape } from '../tensor';
import { addAt, at, channelAxes, zeros64, type Tensor64 } from './tensor64';

/** The mean over H and W: (N, C, H, W) to (N, C). */
export function globalAveragePool(input: Tensor64): Tensor64 {
  const { samples, channels, pixels } = channelAxes(input.shape);
  const output = zeros64([samples, channels]);
  input.data.forEach((value, index) => {
    addAt(output.data, Math.floor(index / pixels), value / pixels);
  });
  return output;
}

/** Each pixel's share of its channel's gradient: dy / (H W). */
export function globalAveragePoolBackward(outputGradient: Tensor64, inputShape: Shape): Tensor64 {
  const { pixels } = channelAxes(inputShape);
  const gradient = zeros64(inputShape);
  gradient.data.forEach((_, index) => {
    gradient.data[index] = at(outputGradient.data, Math.floor(index / pixels)) / pixels;
  });
  return gradient;
}
