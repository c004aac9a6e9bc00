import type { Architecture } from './resnet';
import type { Model, Unit } from './graph';

/** A cut names no place where the network can be separated. */
export class CutError extends Error {
  override readonly name = 'CutError';
}

/**
 * Splits a model into stages. Each name in `cut` is the first unit of the next stage, in order; an
 * empty list keeps everything in one stage.
 *
 * @throws CutError for an unknown unit, the first unit, or names out of order
 */
export function splitAt(model: Model, cut: readonly string[]): Unit[][] {
  const names = model.units.map(({ name }) => name);
  const starts = [0];
  for (const name of cut) {
    const start = names.indexOf(name);
    if (start === 0) {
      throw new CutError(
        `cut '${name}': the first unit can't start a second stage; expected one of ${names.slice(1).join(', ')}`,
      );
    }
    if (start < 0) {
      throw new CutError(
        `cut '${name}': ${model.architecture} has no such unit; expected none, auto, or one of ${names.slice(1).join(', ')}`,
      );
    }
    const previous = starts.at(-1) ?? 0;
    if (start <= previous) {
      throw new CutError(
        `cut '${cut.join(',')}': expected units in the network's order, got '${name}' after '${names[previous] ?? ''}'`,
      );
    }
    starts.push(start);
  }
  return starts.map((start, stage) => model.units.slice(start, starts[stage + 1]));
}

/** Where to cut when nobody said and nothing was measured: half of the work behind, little to send. */
export function defaultCut(architecture: Architecture): string[] {
  return [architecture === 'resnet20' ? 'layer2.1' : 'layer3.0'];
}
