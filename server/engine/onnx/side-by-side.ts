import type { Shape } from '../../../runtime/tensor';
import {
  blockedConvolution,
  paddedBlocks,
  scaledBlocks,
  type Finish,
  type Window,
} from './blocked-layout';
import { blocked, memory, type Blocked, type LaidOut } from './layout';
import type { ModelBuilder, Value } from './model-builder';
import { combinations, gather, reshape, slice } from './operators';

/** The blocked convolution computes several pixels of a row at once, those at its ends singly. */
const narrow = 8;

/** Whether the pictures gain by standing in one row: 512 channels of 7 x 7 take a quarter less. */
export function isNarrow(input: LaidOut, { kernel, stride, padding }: Window): input is Blocked {
  const [samples = 0, , , width = 0] = input.shape;
  const keepsSize = stride === 1 && padding > 0 && kernel === 2 * padding + 1;
  return input.blockSize !== undefined && keepsSize && samples > 1 && width < narrow;
}

/**
 * The blocked convolution of all samples side by side, as one picture (1, C, H, N (W + padding)),
 * with the zeros between them that are the padding of both; what it computes there is left out.
 *
 * @param input such that {@link isNarrow}
 */
export function convolutionSideBySide(
  graph: ModelBuilder,
  input: Blocked,
  weight: Value,
  outputShape: Shape,
  window: Window,
  { bias, sum, relu }: Finish,
): Blocked {
  const { blockSize } = input;
  const row = inOneRow(graph, input, window.padding);
  const [, , height = 0, width = 0] = row.shape;
  const [, channels = 0] = outputShape;
  const rowShape = [1, channels, height, width];
  const finish = sum ? { bias } : { bias, relu };
  const result = blockedConvolution(graph, row, weight, rowShape, window, blockSize, finish);
  const apart = outOfRow(graph, result, outputShape);
  if (!sum) return apart;
  const ones = graph.floats([channels], new Float32Array(channels).fill(1));
  return scaledBlocks(graph, apart, ones, { sum, relu });
}

/** From (N, C / B, H, W, B) to (C / B, H, N, W + gap, B). */
function inOneRow(graph: ModelBuilder, input: Blocked, gap: number): Blocked {
  const { blockSize } = input;
  const padded = paddedBlocks(graph, input, [0, 0, 0, gap]);
  const [samples = 0, channels = 0, height = 0, width = 0] = padded.shape;
  const lines = (channels / blockSize) * height;
  const value = reshape(graph, memory(padded), [samples * lines, width * blockSize]);
  const places = combinations(lines, samples).map(
    ([line = 0, sample = 0]) => sample * lines + line,
  );
  const shape = [1, channels, height, samples * width];
  return blocked(reshape(graph, gather(graph, value, places), shape), blockSize);
}

/** From (C / B, H, N, W + gap, B) to (N, C / B, H, W, B). */
function outOfRow(graph: ModelBuilder, row: Blocked, shape: Shape): Blocked {
  const { blockSize } = row;
  const [samples = 0, channels = 0, height = 0, width = 0] = shape;
  const lines = (channels / blockSize) * height;
  const [, , , rowWidth = 0] = row.shape;
  const apart = reshape(graph, memory(row), [lines * samples, rowWidth / samples, blockSize]);
  const kept = slice(graph, apart, [1], { start: [0], end: [width] });
  const value = reshape(graph, kept, [lines * samples, width * blockSize]);
  const places = combinations(samples, lines).map(
    ([sample = 0, line = 0]) => line * samples + sample,
  );
  return blocked(reshape(graph, gather(graph, value, places), shape), blockSize);
}
