import { at, type Tensor64 } from './tensor64';

/** The element-wise sum of two tensors of one shape; its gradient goes to both as it is. */
export function add(a: Tensor64, b: Tensor64): Tensor64 {
  return { shape: a.shape, data: a.data.map((value, index) => value + at(b.data, index)) };
}
