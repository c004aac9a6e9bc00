import type { StageSpec } from '../engine';
import { outputShapeOf } from '../model/graph';
import { multiplications } from '../model/multiplications';
import { totalBytes, type MemoryUse } from './memory-use';
import { layOutStage } from './stage-layout';

/**
 * The units of a stage whose values are to be computed once more in the backward so that the stage
 * takes at most `room` bytes; none where it does as it is, all where that is still too much.
 *
 * A unit's price is the multiplications of its forward for each byte that it then does not keep.
 * The cheapest go first, until the stage fits; then those go back that it fits without.
 *
 * @param maxBindingBytes the device's `maxStorageBufferBindingSize`
 * @param room undefined where nobody knows, as if there were enough
 * @returns names of units, in the stage's order
 */
export function unitsToRecompute(
  spec: StageSpec,
  maxBindingBytes: number,
  room: number | undefined,
): string[] {
  const names = spec.units.map(({ name }) => name);
  const memoryWith = (recompute: readonly string[]): MemoryUse =>
    layOutStage({ ...spec, recompute }, maxBindingBytes).memory;
  const fits = (recompute: readonly string[]): boolean =>
    room === undefined || totalBytes(memoryWith(recompute)) <= room;
  if (fits([])) return [];

  const keptByAll = memoryWith([]).activations;
  const prices = new Map(
    spec.units.map((unit, index) => {
      const inputShape = outputShapeOf(spec.units.slice(0, index), spec.inputShape);
      const savedBytes = keptByAll - memoryWith([unit.name]).activations;
      return [unit.name, multiplications(unit, inputShape) / savedBytes];
    }),
  );
  const priceOf = (name: string): number => prices.get(name) ?? NaN;
  const cheapestFirst = names.toSorted((a, b) => priceOf(a) - priceOf(b));
  const enough = cheapestFirst.findIndex((_, last) => fits(cheapestFirst.slice(0, last + 1)));
  if (enough < 0) return names;
  let chosen = cheapestFirst.slice(0, enough + 1);
  for (const dearest of chosen.toReversed()) {
    const without = chosen.filter((name) => name !== dearest);
    if (fits(without)) chosen = without;
  }
  return names.filter((name) => chosen.includes(name));
}
