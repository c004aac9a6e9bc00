import type { Convolution } from '../../model/graph';
import { dispatch } from '../kernel';
import type { OperationModule } from '../operation';
import { convolutionLayout } from '../tensor-layout';
import type { ValueLayout } from '../value';
import {
  addChunksKernel,
  forwardTiles,
  inputGradientTiles,
  weightGradientTiles,
} from './convolution-kernels';

/** The three products of a convolution; each has kernels for several tile sizes. */
export type ConvolutionPass = 'forward' | 'inputGradient' | 'weightGradient';

/** All that decides which tile is the fastest on a device. */
export interface ConvolutionShape {
  readonly operation: Convolution;
  readonly input: ValueLayout;
  readonly output: ValueLayout;
}

/** Chooses a kernel's tile: one of `count`, 0 the smallest. */
export type TileChoice = (pass: ConvolutionPass, shape: ConvolutionShape, count: number) => number;

/** How many tiles there are for a convolution's products. */
export function tileCounts(operation: Convolution): Readonly<Record<ConvolutionPass, number>> {
  return {
    forward: forwardTiles.length,
    inputGradient: inputGradientTiles.length,
    weightGradient: weightGradientTiles(operation).length,
  };
}

/**
 * Convolution with the tiles that `choose` picks. Results don't depend on the choice but for the
 * compiler's freedom to contract: every tile sums in the same order.
 */
export function convolutionWith(choose: TileChoice): OperationModule<Convolution> {
  const chosen = <Tile>(
    tiles: readonly Tile[],
    pass: ConvolutionPass,
    shape: ConvolutionShape,
  ): Tile => {
    const index = choose(pass, shape, tiles.length);
    const tile = tiles[index];
    if (!tile)
      throw new Error(`${pass}: expected a tile from 0 to ${tiles.length - 1}, got ${index}`);
    return tile;
  };
  return {
    tensors({ weight, outChannels, inChannels, kernel }) {
      return new Map([[weight, convolutionLayout(outChannels, inChannels, kernel)]]);
    },

    forward(operation, context) {
      const x = context.value(operation.input);
      const y = context.value(operation.output);
      const shape = { operation, input: x.layout, output: y.layout };
      const { kernel, pixels, blocks } = chosen(forwardTiles, 'forward', shape);
      const outPixels = y.layout.batch * y.layout.height * y.layout.width;
      return [
        dispatch(kernel, {
          params: { pixels: outPixels, ...window(shape) },
          regions: { x: x.region, weight: context.tensor(operation.weight), y: y.region },
          threads: [Math.ceil(y.layout.blocks / blocks), Math.ceil(outPixels / pixels), 1],
        }),
      ];
    },

    backwardInput(operation, context) {
      const dx = context.inputGradient(operation.input);
      if (!dx) return [];
      const dy = context.outputGradient(operation.output);
      const { batch, height, width, blocks } = dx.layout;
      const { stride } = operation;
      const shape = { operation, input: dx.layout, output: dy.layout };
      const tile = chosen(inputGradientTiles, 'inputGradient', shape);
      // Pixels of the upper left class, the largest.
      const pixels = batch * Math.ceil(height / stride) * Math.ceil(width / stride);
      return [
        dispatch(tile.kernel, {
          params: { batch, ...window(shape), accumulate: Number(dx.accumulate) },
          regions: { dy: dy.region, weight: context.tensor(operation.weight), dx: dx.region },
          threads: [
            Math.ceil(blocks / tile.blocks),
            Math.ceil(pixels / tile.pixels),
            stride * stride,
          ],
        }),
      ];
    },

    backwardWeight(operation, context) {
      const x = context.value(operation.input);
      const dy = context.outputGradient(operation.output);
      const gradient = context.tensorGradient(operation.weight);
      const shape = { operation, input: x.layout, output: dy.layout };
      const tile = chosen(weightGradientTiles(operation), 'weightGradient', shape);
      const { rows, rowsPerChunk, chunks } = chunksOf(shape);
      const chunkSums =
        chunks === 1 ? gradient : context.buffer('chunkSums', chunks * gradient.bytes);
      const partial = dispatch(tile.kernel, {
        params: { rows, rowsPerChunk, ...window(shape), accumulate: Number(chunks === 1) },
        regions: { x: x.region, dy: dy.region, chunkSums },
        threads:
          chunks *
          (operation.kernel ** 2 / tile.taps) *
          Math.ceil(x.layout.blocks / tile.inBlocks) *
          Math.ceil(dy.layout.blocks / tile.outBlocks),
      });
      if (chunks === 1) return [partial];
      const count = gradient.bytes / 16;
      return [
        partial,
        dispatch(addChunksKernel, {
          params: { count, chunks },
          regions: { chunkSums, sum: gradient },
          threads: count,
        }),
      ];
    },
  };
}

/** What is known without measuring: large tiles load the least for each product. */
export const largestTiles: TileChoice = (_pass, _shape, count) => count - 1;

export const convolution = convolutionWith(largestTiles);

/** Enough threads to fill a phone's graphics processor several times over. */
const wantedThreads = 16384;

/** Of fewer pixels than this, writing and adding up a chunk's sums costs more than making them. */
const minPixelsPerChunk = 64;

/**
 * Splits the output rows that a weight gradient sums over. Depends on shapes alone, so that every
 * device and every tile sums in one order.
 */
function chunksOf({ operation, input, output }: ConvolutionShape) {
  const rows = output.batch * output.height;
  const pairs = Math.ceil(input.blocks / 2) * Math.ceil(output.blocks / 2);
  const wanted = Math.ceil(wantedThreads / (operation.kernel ** 2 * pairs));
  const most = Math.max(1, Math.floor((rows * output.width) / minPixelsPerChunk));
  const rowsPerChunk = Math.ceil(rows / Math.min(wanted, most));
  return { rows, rowsPerChunk, chunks: Math.ceil(rows / rowsPerChunk) };
}

function window({ operation, input, output }: ConvolutionShape) {
  const { kernel, stride, padding } = operation;
  return {
    inHeight: input.height,
    inWidth: input.width,
    inBlocks: input.blocks,
    outHeight: output.height,
    outWidth: output.width,
    outBlocks: output.blocks,
    kernel,
    stride,
    padding,
  };
}
