import { elementCount, type Shape } from '../../../runtime/tensor';
import type { ModelBuilder, Value } from './model-builder';

/*
 * ONNX operators with their shapes worked out. Element-wise ones broadcast as in NumPy; the shape
 * of the result is that of the operand with more elements, which holds wherever one of them is a
 * scalar, a value a channel, or of the same shape.
 */

type ElementWise = 'Add' | 'Sub' | 'Mul' | 'Div';

export function elementWise(graph: ModelBuilder, type: ElementWise, a: Value, b: Value): Value {
  const larger = elementCount(a.shape) >= elementCount(b.shape) ? a : b;
  return graph.node(type, [a, b], larger.shape);
}

export function scalar(graph: ModelBuilder, value: number): Value {
  return graph.floats([], [value]);
}

export function reshape(graph: ModelBuilder, value: Value, shape: Shape): Value {
  return graph.node('Reshape', [value, graph.integers(shape)], shape);
}

export function transpose(graph: ModelBuilder, value: Value, perm: readonly number[]): Value {
  const shape = perm.map((axis) => value.shape[axis] ?? 0);
  return graph.node('Transpose', [value], shape, { perm });
}

/** Keeps `range.start`, `range.start + step` … below `range.end` along each of the axes. */
export function slice(
  graph: ModelBuilder,
  value: Value,
  axes: readonly number[],
  range: { start: readonly number[]; end: readonly number[]; step?: number },
): Value {
  const { start, end, step = 1 } = range;
  const shape = [...value.shape];
  axes.forEach((axis, index) => {
    shape[axis] = Math.ceil(((end[index] ?? 0) - (start[index] ?? 0)) / step);
  });
  const inputs = [value, ...[start, end, axes, axes.map(() => step)].map((v) => graph.integers(v))];
  return graph.node('Slice', inputs, shape);
}

/** The items at these places along the first axis. */
export function gather(graph: ModelBuilder, value: Value, places: readonly number[]): Value {
  const shape = [places.length, ...value.shape.slice(1)];
  return graph.node('Gather', [value, graph.integers(places)], shape);
}

/** All combinations of numbers below the sizes, the last one fastest: places for {@link gather}. */
export function combinations(...sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (heads, size) =>
      heads.flatMap((head) => Array.from({ length: size }, (_, at) => [...head, at])),
    [[]],
  );
}

/** Zeros before and behind the value along each of its axes. */
export function pad(
  graph: ModelBuilder,
  value: Value,
  before: readonly number[],
  behind: readonly number[],
): Value {
  const shape = value.shape.map((size, axis) => size + (before[axis] ?? 0) + (behind[axis] ?? 0));
  return graph.node('Pad', [value, graph.integers([...before, ...behind])], shape);
}

type Reduction = 'ReduceSum' | 'ReduceMean' | 'ReduceSumSquare';

export function reduce(
  graph: ModelBuilder,
  type: Reduction,
  value: Value,
  axes: readonly number[],
  { keep }: { keep: boolean },
): Value {
  const kept = value.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const shape = keep ? kept : value.shape.filter((_, axis) => !axes.includes(axis));
  const inputs = [value, graph.integers(axes)];
  return graph.node(type, inputs, shape, { keepdims: keep ? 1 : 0 });
}

/**
 * The matrix product of two matrices, each transposed where asked for.
 *
 * ONNX Runtime splits the longer side of the result among its threads. The shorter the columns'
 * part of a thread, the longer the parts in which it sums; the rows' part doesn't matter. So the
 * longer side are the rows, or the bits would depend on the number of threads.
 */
export function matrixProduct(
  graph: ModelBuilder,
  a: Value,
  b: Value,
  { transA = false, transB = false }: { transA?: boolean; transB?: boolean },
): Value {
  const rows = a.shape[transA ? 1 : 0] ?? 0;
  const columns = b.shape[transB ? 0 : 1] ?? 0;
  const gemm = (
    left: Value,
    right: Value,
    shape: Shape,
    leftTurned: boolean,
    rightTurned: boolean,
  ) =>
    graph.node('Gemm', [left, right], shape, {
      transA: Number(leftTurned),
      transB: Number(rightTurned),
    });
  if (rows >= columns) return gemm(a, b, [rows, columns], transA, transB);
  const turned = gemm(b, a, [columns, rows], !transB, !transA);
  // As a batch of one: ONNX Runtime would fuse a plain Transpose into the Gemm, and turn it back.
  const batch = reshape(graph, turned, [1, columns, rows]);
  return reshape(graph, transpose(graph, batch, [0, 2, 1]), [rows, columns]);
}

/**
 * The pixels of (N, C, h, w) at every `stride`-th place of (N, C, H, W), with zeros between: the
 * gradient of skipping pixels.
 */
export function spreadPixels(
  graph: ModelBuilder,
  value: Value,
  stride: number,
  [samples = 0, channels = 0, height = 0, width = 0]: Shape,
): Value {
  if (stride === 1) return value;
  const [, , rows = 0, columns = 0] = value.shape;
  const pixels = reshape(graph, value, [samples * channels, rows, 1, columns, 1]);
  const spread = pad(graph, pixels, [0, 0, 0, 0, 0], [0, 0, stride - 1, 0, stride - 1]);
  const whole = reshape(graph, spread, [samples, channels, rows * stride, columns * stride]);
  if (rows * stride === height && columns * stride === width) return whole;
  return slice(graph, whole, [2, 3], { start: [0, 0], end: [height, width] });
}
