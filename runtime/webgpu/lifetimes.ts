import type { Dispatch } from './kernel';
import type { Allocation } from './memory';

/*
 * A pass is a list of dispatches that runs without a break: forward, the two backward halves,
 * evaluation. Which memory must outlive its pass can be seen in the dispatches: that which a later
 * pass reads before it writes it.
 *
 *   kept    a pass begins by reading it      one for each micro-batch in flight
 *   scratch each pass begins by writing it   shared by all micro-batches and passes, and within a
 *                                            pass by all whose uses don't overlap
 */

/** One buffer and the scratch allocations that take turns in it. */
export interface SharedBuffer {
  readonly bytes: number;
  readonly allocations: readonly Allocation[];
}

export interface Lifetimes {
  readonly kept: readonly Allocation[];
  readonly scratch: readonly SharedBuffer[];
}

/** First and last use of an allocation in a pass, as positions in its dispatches. */
interface Use {
  readonly pass: number;
  readonly first: number;
  last: number;
  readonly readsFirst: boolean;
}

/**
 * Sorts the memory of the passes into what is kept and what is shared.
 *
 * @param permanent memory with a life of its own: weights, gradients, staging
 */
export function planLifetimes(
  passes: readonly (readonly Dispatch[])[],
  permanent: ReadonlySet<Allocation>,
): Lifetimes {
  const kept: Allocation[] = [];
  const scratch: [Allocation, readonly Use[]][] = [];
  for (const [allocation, uses] of usesOf(passes)) {
    if (permanent.has(allocation)) continue;
    if (uses.some(({ readsFirst }) => readsFirst)) kept.push(allocation);
    else scratch.push([allocation, uses]);
  }
  return { kept, scratch: share(scratch) };
}

/** Those dispatches whose results are read: by `readers` after them, or by one of them that is. */
export function onlyRead(
  dispatches: readonly Dispatch[],
  readers: readonly Dispatch[],
): readonly Dispatch[] {
  const read = new Set<Allocation>();
  const note = (bindings: ReadonlyMap<Allocation, boolean>): void => {
    for (const [allocation, mutable] of bindings) if (!mutable) read.add(allocation);
  };
  for (const dispatch of readers) note(bindingsOf(dispatch));
  return dispatches
    .toReversed()
    .filter((dispatch) => {
      const bindings = bindingsOf(dispatch);
      const isRead = [...bindings].some(([allocation, mutable]) => mutable && read.has(allocation));
      if (isRead) note(bindings);
      return isRead;
    })
    .reverse();
}

function usesOf(passes: readonly (readonly Dispatch[])[]): Map<Allocation, Use[]> {
  const uses = new Map<Allocation, Use[]>();
  passes.forEach((dispatches, pass) => {
    dispatches.forEach((dispatch, position) => {
      for (const [allocation, mutable] of bindingsOf(dispatch)) {
        const known = uses.get(allocation) ?? [];
        uses.set(allocation, known);
        const use = known.at(-1);
        if (use?.pass === pass) use.last = position;
        else known.push({ pass, first: position, last: position, readsFirst: !mutable });
      }
    });
  });
  return uses;
}

/** The allocations that a dispatch binds, and whether as mutable. */
function bindingsOf({ kernel, regions }: Dispatch): Map<Allocation, boolean> {
  const bindings = new Map<Allocation, boolean>();
  for (const [name, { allocation }] of Object.entries(regions)) {
    const entry = kernel.layout.entries[name];
    const mutable = entry !== undefined && 'access' in entry && entry.access === 'mutable';
    const known = bindings.get(allocation);
    if (known !== undefined && known !== mutable) {
      throw new Error(
        `${kernel.name}: ${allocation.label} is bound for reading and for writing at once`,
      );
    }
    bindings.set(allocation, mutable);
  }
  return bindings;
}

/** The largest first, each into the first buffer that is free whenever it is used. */
function share(scratch: [Allocation, readonly Use[]][]): SharedBuffer[] {
  const buffers: { bytes: number; allocations: Allocation[]; uses: Use[] }[] = [];
  const largestFirst = scratch.toSorted(([a], [b]) => b.bytes - a.bytes);
  for (const [allocation, uses] of largestFirst) {
    const free = buffers.find((buffer) => !uses.some((use) => overlaps(use, buffer.uses)));
    if (free) {
      free.allocations.push(allocation);
      free.uses.push(...uses);
    } else {
      buffers.push({ bytes: allocation.bytes, allocations: [allocation], uses: [...uses] });
    }
  }
  return buffers;
}

function overlaps({ pass, first, last }: Use, others: readonly Use[]): boolean {
  return others.some((other) => other.pass === pass && other.first <= last && first <= other.last);
}
