import { windowOutputSize, type Convolution } from '../model/graph';
import type { Shape } from '../tensor';
import { zeros64, type Tensor64 } from './tensor64';

type Window = Pick<Convolution, 'stride' | 'padding'>;

/**
 * out[n, o, y, x] = sum over i, ky, kx of in[n, i, y s + ky - p, x s + kx - p] w[o, i, ky, kx].
 *
 * @param input (N, C, H, W)
 * @param weight (outChannels, C, kernel, kernel)
 */
export function convolution(input: Tensor64, weight: Tensor64, window: Window): Tensor64 {
  const [samples = 0, , height = 0, width = 0] = input.shape;
  const [outChannels = 0, , kernel = 0] = weight.shape;
  const size = { ...window, kernel };
  const output = zeros64([
    samples,
    outChannels,
    windowOutputSize(height, size),
    windowOutputSize(width, size),
  ]);
  const [x, w, y] = [input.data, weight.data, output.data];
  forEachTap(input.shape, weight.shape, output.shape, window, (to, from, tap) => {
    y[to] = (y[to] ?? NaN) + (x[from] ?? NaN) * (w[tap] ?? NaN);
  });
  return output;
}

/** The gradient of {@link convolution}'s input, of shape `inputShape`. */
export function convolutionInputGradient(
  outputGradient: Tensor64,
  weight: Tensor64,
  inputShape: Shape,
  window: Window,
): Tensor64 {
  const gradient = zeros64(inputShape);
  const [dy, w, dx] = [outputGradient.data, weight.data, gradient.data];
  forEachTap(inputShape, weight.shape, outputGradient.shape, window, (to, from, tap) => {
    dx[from] = (dx[from] ?? NaN) + (dy[to] ?? NaN) * (w[tap] ?? NaN);
  });
  return gradient;
}

/** The gradient of {@link convolution}'s weight, of shape `weightShape`. */
export function convolutionWeightGradient(
  outputGradient: Tensor64,
  input: Tensor64,
  weightShape: Shape,
  window: Window,
): Tensor64 {
  const gradient = zeros64(weightShape);
  const [dy, x, dw] = [outputGradient.data, input.data, gradient.data];
  forEachTap(input.shape, weightShape, outputGradient.shape, window, (to, from, tap) => {
    dw[tap] = (dw[tap] ?? NaN) + (dy[to] ?? NaN) * (x[from] ?? NaN);
  });
  return gradient;
}

/**
 * Visits each product of the sum by its three indices; pixels in the padding are left out. Those
 * who read `?? NaN` at an index make a wrong one show in the result.
 */
function forEachTap(
  inputShape: Shape,
  weightShape: Shape,
  outputShape: Shape,
  { stride, padding }: Window,
  visit: (output: number, input: number, weight: number) => void,
): void {
  const [samples = 0, inChannels = 0, height = 0, width = 0] = inputShape;
  const [outChannels = 0, , kernel = 0] = weightShape;
  const [, , outHeight = 0, outWidth = 0] = outputShape;
  let output = 0;
  for (let n = 0; n < samples; n++) {
    for (let o = 0; o < outChannels; o++) {
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++, output++) {
          for (let i = 0; i < inChannels; i++) {
            for (let ky = 0; ky < kernel; ky++) {
              const inY = y * stride + ky - padding;
              if (inY < 0 || inY >= height) continue;
              for (let kx = 0; kx < kernel; kx++) {
                const inX = x * stride + kx - padding;
                if (inX < 0 || inX >= width) continue;
                const input = ((n * inChannels + i) * height + inY) * width + inX;
                visit(output, input, ((o * inChannels + i) * kernel + ky) * kernel + kx);
              }
            }
          }
        }
      }
    }
  }
}
