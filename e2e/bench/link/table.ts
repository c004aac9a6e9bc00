/** Bytes a second that arrived while both directions were full. */
export interface Measured {
  readonly contestant: string;
  readonly down: number;
  readonly up: number;
  /** What `auto` chose, in words. */
  readonly chose?: string;
  /** The single way that this was, both down and up; undefined for a mixture of two. */
  readonly way?: string;
}

/** A contestant's medians over all rounds, in bytes a second. */
export interface Row {
  readonly contestant: string;
  readonly down: number;
  readonly up: number;
  /** Of both directions together, to the first row's. */
  readonly ratio: number;
  readonly chose: readonly string[];
  /** Those single ways that it was, each once. */
  readonly ways: readonly string[];
}

export function table(rates: readonly Measured[]): Row[] {
  const names = [...new Set(rates.map(({ contestant }) => contestant))];
  const rows = names.map((contestant) => {
    const own = rates.filter((each) => each.contestant === contestant);
    return {
      contestant,
      down: median(own.map(({ down }) => down)),
      up: median(own.map(({ up }) => up)),
      chose: own.flatMap(({ chose }) => chose ?? []),
      ways: [...new Set(own.map(({ way }) => way ?? 'a mixture'))],
    };
  });
  const [first] = rows;
  const base = first ? first.down + first.up : 0;
  return rows.map((row) => ({ ...row, ratio: (row.down + row.up) / base }));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}
