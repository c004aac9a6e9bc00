/** In a word, and what the word rests on. */
export interface Warmth {
  readonly value: string;
  readonly note: string;
}

/** Below this, step times vary by themselves. */
const noise = 0.03;
/** A phone that has lost a quarter of its speed is on its way to the limit. */
const hot = 0.25;

/**
 * A guess at the temperature: no browser tells it, but a warm device computes slower.
 * @param slowdown against the first steps, 0.09 for 9%; undefined while that is not known
 */
export function describeWarmth(slowdown: number | undefined): Warmth {
  if (slowdown === undefined) return { value: '–', note: 'known after some steps' };
  if (slowdown < noise) return { value: 'Steady', note: 'as fast as at the start' };
  return {
    value: slowdown < hot ? 'Warm' : 'Hot',
    note: `${Math.round(100 * slowdown)}% slower than at the start`,
  };
}
