import { tensor, type Tensor } from '../../runtime/tensor';

/** (N, C, H, W) to (N, H, W, C), and from (out, in, ky, kx) to (ky, kx, in, out). */
export const toChannelsLast = [0, 2, 3, 1] as const;
export const toFiltersLast = [2, 3, 1, 0] as const;
/** Their inverses. */
export const fromChannelsLast = [0, 3, 1, 2] as const;
export const fromFiltersLast = [3, 2, 0, 1] as const;

type Order = readonly [number, number, number, number];

/** A tensor of four axes with its axes in another order, as NumPy's `transpose`. */
export function permute({ shape, data }: Tensor, order: Order): Tensor {
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, size) => product * size, 1),
  );
  const [a = 0, b = 0, c = 0, d = 0] = order.map((axis) => shape[axis] ?? 0);
  const [sa = 0, sb = 0, sc = 0, sd = 0] = order.map((axis) => strides[axis] ?? 0);
  const permuted = new Float32Array(data.length);
  let index = 0;
  for (let i = 0; i < a; i++)
    for (let j = 0; j < b; j++)
      for (let k = 0; k < c; k++)
        for (let l = 0, from = i * sa + j * sb + k * sc; l < d; l++, from += sd)
          permuted[index++] = data[from] ?? NaN;
  return tensor([a, b, c, d], permuted);
}
