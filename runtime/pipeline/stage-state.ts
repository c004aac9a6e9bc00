import { optimizerSlots, slotName, type StageSpec } from '../engine';
import { buffersOf, parametersOf, type Unit } from '../model/graph';
import type { NamedTensors, Shape } from '../tensor';

/** The part of a state that these units own: parameters, buffers and their optimizer state. */
export function stateOf(units: readonly Unit[], state: NamedTensors): NamedTensors {
  const owned = new Set([...parametersOf(units), ...buffersOf(units)].map(({ name }) => name));
  return new Map([...state].filter(([name]) => owned.has(withoutSlot(name))));
}

/** Names and shapes of all that the state of these units has. */
export function stateShapesOf({
  units,
  optimizer,
}: Pick<StageSpec, 'units' | 'optimizer'>): ReadonlyMap<string, Shape> {
  const slots = optimizerSlots(optimizer);
  return new Map([
    ...[...parametersOf(units), ...buffersOf(units)].map(({ name, shape }): [string, Shape] => [
      name,
      shape,
    ]),
    ...parametersOf(units).flatMap(({ name, shape }) =>
      slots.map((slot): [string, Shape] => [slotName(slot, name), shape]),
    ),
  ]);
}

/** `optimizer.momentum_buffer.fc.weight` belongs to `fc.weight`. */
function withoutSlot(name: string): string {
  return name.replace(/^optimizer\.[^.]+\./, '');
}
