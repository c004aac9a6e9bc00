/** What one submit may hold. */
export interface SubmitLimits {
  readonly dispatches: number;
  /** Milliseconds on the GPU. */
  readonly ms: number;
}

/**
 * Safari ends what keeps its GPU process for long (WebKit 44347, 29587), and about 30 to 64
 * dispatches in one submit are known to go well there.
 */
export const safeSubmit: SubmitLimits = { dispatches: 48, ms: 30 };

/** Dispatches `from` up to, not including, `to` of a call. */
export interface Piece {
  readonly from: number;
  readonly to: number;
}

/** So many dispatches that no one has timed yet fill a submit. */
const untimedDispatches = 8;

/**
 * Cuts a call's dispatches into submits, in their order; none is empty, but for a call without any.
 *
 * @param costs milliseconds of each dispatch; undefined where it has not been timed
 */
export function cutIntoSubmits(
  costs: readonly (number | undefined)[],
  limits: SubmitLimits = safeSubmit,
): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  let ms = 0;
  costs.forEach((cost = limits.ms / untimedDispatches, index) => {
    const isFull = index - from >= limits.dispatches || ms + cost > limits.ms;
    if (isFull && index > from) {
      pieces.push({ from, to: index });
      from = index;
      ms = 0;
    }
    ms += cost;
  });
  return [...pieces, { from, to: costs.length }];
}

/**
 * What the dispatches cost after one of their submits took `ms`: it is shared out among them as
 * they were known to cost, evenly where they were not, and half of what was known before stays, so
 * that one slow moment does not cut a stage to pieces.
 */
export function learnCosts(
  costs: readonly (number | undefined)[],
  { from, to }: Piece,
  ms: number,
): (number | undefined)[] {
  const known = costs.slice(from, to).map((cost) => cost ?? 0);
  const sum = known.reduce((total, cost) => total + cost, 0);
  const isTimed = costs.slice(from, to).every((cost) => cost !== undefined);
  return costs.map((cost, index) => {
    if (index < from || index >= to) return cost;
    if (cost === undefined || !isTimed || sum === 0) return ms / (to - from);
    return (cost + (cost / sum) * ms) / 2;
  });
}
