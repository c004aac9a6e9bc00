import type { TensorSpec } from '../model/graph';
import type { Shape } from '../tensor';
import { alignUp, allocate, offsetAlignment, type Region } from './memory';
import type { TensorLayout } from './tensor-layout';

/** Where one tensor lies in the regions of an arena. */
export interface TensorPlace {
  readonly name: string;
  readonly shape: Shape;
  readonly layout: TensorLayout;
  /** Index of the arena's region. */
  readonly part: number;
  readonly offset: number;
}

/**
 * Many tensors end to end, so that one dispatch moves them all: what an optimizer needs. Several
 * regions only where one would be larger than a kernel may bind.
 */
export interface TensorArena {
  readonly places: readonly TensorPlace[];
  /** Bytes of each region. */
  readonly parts: readonly number[];
}

export function planArena(
  specs: readonly TensorSpec[],
  layouts: ReadonlyMap<string, TensorLayout>,
  maxPartBytes: number,
): TensorArena {
  const places: TensorPlace[] = [];
  const parts: number[] = [];
  for (const { name, shape } of specs) {
    const layout = layouts.get(name);
    if (!layout) throw new Error(`${name}: no operation of its unit uses it`);
    const bytes = alignUp(layout.bytes, offsetAlignment);
    let part = parts.length - 1;
    if (part < 0 || (parts[part] ?? 0) + bytes > maxPartBytes) part = parts.push(0) - 1;
    const offset = parts[part] ?? 0;
    places.push({ name, shape, layout, part, offset });
    parts[part] = offset + bytes;
  }
  return { places, parts };
}

/** Memory for one copy of the arena's tensors: parameters, gradients, an optimizer slot. */
export interface ArenaMemory {
  readonly arena: TensorArena;
  readonly parts: readonly Region[];
}

export function arenaMemory(label: string, arena: TensorArena): ArenaMemory {
  const parts = arena.parts.map((bytes, part) => allocate(`${label}.${part}`, bytes));
  return { arena, parts };
}

/** The regions of the tensors by name. */
export function tensorRegions({ arena, parts }: ArenaMemory): Map<string, Region> {
  return new Map(
    arena.places.map(({ name, layout, part, offset }) => {
      const region = parts[part];
      if (!region) throw new Error(`${name}: part ${part} of its arena is missing`);
      return [name, { allocation: region.allocation, offset, bytes: layout.bytes }];
    }),
  );
}
