import type { Shape } from '../../../runtime/tensor';
import {
  blocked,
  blockedDomain,
  eachElement,
  memory,
  reorderInput,
  type Blocked,
  type LaidOut,
} from './layout';
import type { ModelBuilder, Value } from './model-builder';
import { reshape } from './operators';
import type { Attribute } from './schema';

/** A thread's cache holds several values of the size of a piece of the input. */
const pieceBytes = 2 ** 20;

interface Pooled {
  /** No value is below zero. */
  readonly input: Blocked;
  readonly output: LaidOut;
  /** Zero where the output is. */
  readonly outputGradient: LaidOut;
}

/** Whether {@link blockedMaxPoolInputGradient} takes a pool of this window over these pictures. */
export function halvesBlocks(
  input: LaidOut,
  { kernel, stride, padding }: { kernel: number; stride: number; padding: number },
): input is Blocked {
  const [, , ...size] = input.shape;
  const isEven = size.every((pixels) => pixels % 2 === 0);
  return input.blockSize !== undefined && kernel === 3 && stride === 2 && padding === 1 && isEven;
}

/**
 * The gradient of a max pool of 3 x 3 with stride 2 and padding 1, of pictures of even size: each
 * window's goes to the first of its largest values.
 *
 * That is in the first of the window's rows whose largest value is the window's, and in that row
 * the first column. It is done piece by piece, so that what lies between stays in the cache.
 */
export function blockedMaxPoolInputGradient(
  graph: ModelBuilder,
  { input, output, outputGradient }: Pooled,
): Blocked {
  const { blockSize } = input;
  const [samples = 0, channels = 0, height = 0, width = 0] = input.shape;
  const planes = (samples * channels) / blockSize;
  const planeBytes = 4 * height * width * blockSize;
  const atOnce = Array.from({ length: planes }, (_, index) => planes - index).find(
    (count) => planes % count === 0 && (count === 1 || count * planeBytes <= pieceBytes),
  );
  const pieces = [input, output, outputGradient].map((value) => {
    const [, , ...size] = value.shape;
    const count = atOnce ?? 1;
    return reshape(graph, memory(value), [planes / count, 1, count * blockSize, ...size]);
  });
  const gradient = graph.scan(pieces, (body, items) => {
    const [x, y, dy] = items.map((item) => blocked(item, blockSize));
    if (!x || !y || !dy) throw new Error('max pool: expected three pieces');
    return pieceGradient(body, x, y, dy);
  });
  return blocked(reshape(graph, gradient, input.shape), blockSize);
}

function pieceGradient(graph: ModelBuilder, x: Blocked, y: Blocked, dy: Blocked): Value {
  const { blockSize } = x;
  const [, channels = 0, height = 0, width = 0] = x.shape;
  const half = [1, channels, height, width / 2];
  const window = { kernel_shape: [1, 3], strides: [1, 2], pads: [0, 1, 0, 1] };
  const largest = graph.node('MaxPool', [memory(x)], half, window, blockedDomain);
  const ofRows = blocked(largest, blockSize);

  const planes = channels / blockSize;
  const length = (width / 2) * blockSize;
  const rows = firstOfThree(graph, ofRows, y, dy, 'rows');
  const inTurns = takingTurns(graph, rows, planes * (height / 2), length);
  const perRow = blocked(reshape(graph, inTurns, half), blockSize);
  const columns = firstOfThree(graph, x, ofRows, perRow, 'columns');
  const lines = takingTurns(graph, columns, planes * height, length);
  // A line's halves are two pixels of `length` channels: each block of these has a pixel of both.
  const pixels = reshape(graph, lines, [planes * height, 1, 2, length]);
  return reshape(graph, reorderInput(graph, pixels, { channelsLast: true }), x.shape);
}

/**
 * Windows of three along an axis, two apart, the first one beginning before the first value: from
 * their gradients those of the even and of the odd values. A window's goes to the first value that
 * equals its maximum.
 */
function firstOfThree(
  graph: ModelBuilder,
  values: Blocked,
  maxima: Blocked,
  gradients: Blocked,
  axis: 'rows' | 'columns',
): LaidOut[] {
  const along = (count: number, across: number): number[] =>
    axis === 'rows' ? [count, across] : [across, count];
  const windows = {
    kernel_shape: along(3, 1),
    strides: along(2, 1),
    pads: [...along(1, 0), 0, 0],
    // max(0, min(1, 1 - 3e38 (maximum - value))), which is 1 where they are equal and else 0.
    activation: 'HardSigmoid',
    activation_params: { floats: [-3e38, 1] },
  };
  const isMaximum = (place: number): LaidOut =>
    picked(graph, values, { place, of: 3, factor: -1 }, windows, maxima);

  const first = eachElement(graph, 'Mul', [isMaximum(0), gradients]);
  const rest = eachElement(graph, 'Sub', [gradients, first]);
  const second = eachElement(graph, 'Mul', [isMaximum(1), rest]);
  // What is left is the third values': something is the maximum.
  const third = eachElement(graph, 'Sub', [rest, second]);
  const next = { kernel_shape: along(2, 1), strides: [1, 1], pads: [0, 0, ...along(1, 0)] };
  const odd = picked(graph, first, { place: 1, of: 2, factor: 1 }, next, third);
  return [second, odd];
}

/** `factor` times the value at a place of each window, plus `sum`: a convolution of a channel. */
function picked(
  graph: ModelBuilder,
  values: LaidOut,
  { place, of, factor }: { place: number; of: number; factor: number },
  window: Readonly<Record<string, Attribute>> & { readonly kernel_shape: readonly number[] },
  sum: LaidOut,
): Blocked {
  const { shape, blockSize = 1 } = sum;
  const [, channels = 0] = shape;
  // (C / B, of, B)
  const weights = Array.from({ length: channels * of }, (_, index) =>
    Math.floor(index / blockSize) % of === place ? factor : 0,
  );
  const kernel = graph.floats([channels, 1, ...window.kernel_shape], weights);
  const bias = graph.floats([channels], new Float32Array(channels));
  const inputs = [memory(values), kernel, bias, memory(sum)];
  const attributes = { ...window, group: channels };
  return blocked(graph.node('Conv', inputs, shape, attributes, blockedDomain), blockSize);
}

/** (count, 2, length): a line of each in turn. */
function takingTurns(
  graph: ModelBuilder,
  values: readonly LaidOut[],
  count: number,
  length: number,
): Value {
  const shape: Shape = [count, 1, length];
  const lines = values.map((value) => reshape(graph, memory(value), shape));
  return graph.node('Concat', lines, [count, 2, length], { axis: 1 });
}
