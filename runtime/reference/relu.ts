import { at, type Tensor64 } from './tensor64';

/** max(x, 0). */
export function relu({ shape, data }: Tensor64): Tensor64 {
  return { shape, data: data.map((value) => Math.max(value, 0)) };
}

/** Passes the gradient where the output is above 0; at 0 there is none, as in PyTorch. */
export function reluBackward(outputGradient: Tensor64, output: Tensor64): Tensor64 {
  const data = outputGradient.data.map((dy, index) => (at(output.data, index) > 0 ? dy : 0));
  return { shape: output.shape, data };
}
