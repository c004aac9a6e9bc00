import {
  forwardTiles,
  inputGradientTiles,
  weightGradientTiles,
} from '../webgpu/operations/convolution-kernels';
import { fastestTile, timeTiles } from '../webgpu/tile-tuning';
import { valueLayout } from '../webgpu/value';
import {
  directions,
  isTrained,
  resNet34Cases,
  type ConvolutionCase,
  type Direction,
} from './convolution-case';
import type { ChosenTile } from './report';
import type { BenchSettings } from './settings';

/**
 * What the engine's tuning would choose for each distinct convolution of ResNet-34: every tile is
 * timed, whatever the browser remembers, until `tilesMs` are over.
 *
 * @param found told of all that are chosen, after each
 */
export async function chooseTiles(
  device: GPUDevice,
  { size, batch, tilesMs }: BenchSettings,
  begin: (what: string, part: number) => void,
  found: (tiles: ChosenTile[]) => void,
): Promise<void> {
  const cases = resNet34Cases(size, batch);
  const start = performance.now();
  const chosen: ChosenTile[] = [];
  for (const [index, each] of cases.entries()) {
    const { operation, inputShape, outputShape, name } = each;
    const shape = {
      operation,
      input: valueLayout(batch, inputShape.slice(1)),
      output: valueLayout(batch, outputShape.slice(1)),
    };
    begin(`the tiles of ${name}`, index / cases.length);
    for (const direction of directions) {
      if (!isTrained(each, direction)) continue;
      if (performance.now() - start > tilesMs) return;
      const kernels = kernelsOf(each, direction);
      const count = kernels.length;
      const tuningCase = { pass: direction, shape, precision: 'f32', count } as const;
      const times = await timeTiles(device, tuningCase, () => performance.now());
      chosen.push({
        convolution: name,
        direction,
        chosen: kernels[fastestTile(times)] ?? '',
        tiles: kernels.map((kernel, tile) => ({ kernel, ms: times[tile] ?? 0 })),
      });
      found([...chosen]);
    }
  }
}

/** The kernels' names, in the order of their tiles. */
function kernelsOf({ operation }: ConvolutionCase, direction: Direction): string[] {
  const tiles = {
    forward: forwardTiles,
    inputGradient: inputGradientTiles,
    weightGradient: weightGradientTiles(operation),
  }[direction];
  return tiles.map(({ kernel }) => kernel.name);
}
