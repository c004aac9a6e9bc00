import { elementCount } from '../../../runtime/tensor';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, reduce, reshape } from '../onnx/operators';

/** Below so many pixels setting up a convolution for each picture costs more than it saves. */
const fewPixels = 128;

/**
 * The sum of a b over all values of a channel, for a and b of one shape (N, C, H, W) or (N, C).
 * Shape: (C).
 *
 * As a grouped convolution whose filter is the whole of `b`: it reads both once and writes next to
 * nothing, in half the time of ReduceSumSquare, or of Mul and ReduceSum.
 */
export function sumOfProducts(graph: ModelBuilder, a: Value, b: Value): Value {
  const [samples = 0, channels = 0, ...pixels] = a.shape;
  if (elementCount(pixels) < fewPixels) {
    const axes = a.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    if (a === b) return reduce(graph, 'ReduceSumSquare', a, axes, { keep: false });
    return reduce(graph, 'ReduceSum', elementWise(graph, 'Mul', a, b), axes, { keep: false });
  }
  const planes = samples * channels;
  const sums = graph.node(
    'Conv',
    [reshape(graph, a, [1, planes, ...pixels]), reshape(graph, b, [planes, 1, ...pixels])],
    [1, planes, ...pixels.map(() => 1)],
    { group: planes },
  );
  return reduce(graph, 'ReduceSum', reshape(graph, sums, [samples, channels]), [0], {
    keep: false,
  });
}
