import { buffersOf, parametersOf, type Unit } from '../model/graph';
import type { NamedTensors } from '../tensor';

/** The part of a state that these units own: parameters, buffers and their optimizer state. */
export function stateOf(units: readonly Unit[], state: NamedTensors): NamedTensors {
  const owned = new Set([...parametersOf(units), ...buffersOf(units)].map(({ name }) => name));
  return new Map([...state].filter(([name]) => owned.has(withoutSlot(name))));
}

/** `optimizer.momentum_buffer.fc.weight` belongs to `fc.weight`. */
function withoutSlot(name: string): string {
  return name.replace(/^optimizer\.[^.]+\./, '');
}
