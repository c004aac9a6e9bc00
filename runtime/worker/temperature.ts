/*
 * No browser tells how warm its device is. A phone that is warm computes slower, so the times of
 * like steps tell: the newest against the first.
 */

/** Steps whose time says nothing: shaders are compiled, caches filled. */
const warmUpSteps = 2;
/** Steps in each of the two samples; a median leaves out what an interruption cost. */
const sampleSteps = 10;

/** Takes the time of each step of one stage, and says how much slower it has become. */
export class Temperature {
  readonly #first: number[] = [];
  readonly #newest: number[] = [];
  #count = 0;

  /** @param ms that the device computed for one step, without waiting for others */
  add(ms: number): void {
    this.#count++;
    if (this.#count <= warmUpSteps) return;
    if (this.#first.length < sampleSteps) this.#first.push(ms);
    this.#newest.push(ms);
    if (this.#newest.length > sampleSteps) this.#newest.shift();
  }

  /**
   * The newest steps' time over the first ones', minus 1: 0.09 for 9% slower. Undefined as long as
   * the two samples share a step.
   */
  get slowdown(): number | undefined {
    if (this.#count < warmUpSteps + 2 * sampleSteps) return undefined;
    return median(this.#newest) / median(this.#first) - 1;
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}
