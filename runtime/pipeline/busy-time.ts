/** Adds up the time in which at least one of several things was under way. */
export class BusyTime {
  #underWay = 0;
  #since = 0;
  #ms = 0;

  /** Up to when last nothing was under way. */
  get ms(): number {
    return this.#ms;
  }

  /** Counts the time until the work settles; resolves and rejects as it does. */
  async of<Result>(work: Promise<Result>): Promise<Result> {
    if (this.#underWay++ === 0) this.#since = performance.now();
    try {
      return await work;
    } finally {
      if (--this.#underWay === 0) this.#ms += performance.now() - this.#since;
    }
  }
}
