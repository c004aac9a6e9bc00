/** Sizes of a tensor, outermost first; images and activations are N, C, H, W. */
export type Shape = readonly number[];

/** A dense float32 tensor in row-major order. */
export interface Tensor {
  readonly shape: Shape;
  readonly data: Float32Array;
  /** Whoever gets the tensor has it alone, and may move its memory to another thread. */
  readonly isGiven?: true;
  /** To be called once, if ever, by who has it alone and does not read `data` any more. */
  readonly release?: () => void;
}

/** Tensors by name, in the order in which they are to be written. */
export type NamedTensors = Map<string, Tensor>;

/** A tensor does not have the shape that the place it came to needs. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** The number of elements of a tensor of this shape; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  return shape.reduce((count, size) => count * size, 1);
}

/** A shape as people read it: `16x64x56x56`, `scalar` for rank 0. */
export function formatShape(shape: Shape): string {
  return shape.length === 0 ? 'scalar' : shape.join('x');
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** A tensor over `data`; throws {@link ShapeError} when the element count is not that of `shape`. */
export function tensor(shape: Shape, data: Float32Array): Tensor {
  if (data.length !== elementCount(shape)) {
    throw new ShapeError(
      `expected ${elementCount(shape)} values for a tensor of shape ${formatShape(shape)}, got ${data.length}`,
    );
  }
  return { shape, data };
}

export function zeros(shape: Shape): Tensor {
  return { shape, data: new Float32Array(elementCount(shape)) };
}

/** Throws {@link ShapeError} unless `actual` is `expected`; `what` names the tensor and the place. */
export function expectShape(what: string, expected: Shape, actual: Shape): void {
  if (!sameShape(expected, actual)) {
    throw new ShapeError(`${what}: expected ${formatShape(expected)}, got ${formatShape(actual)}`);
  }
}
