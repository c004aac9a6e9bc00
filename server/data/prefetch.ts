/** A value on its way, and what stops it. */
interface Pending<Value> {
  readonly value: Promise<Value>;
  readonly abort: AbortController;
}

/**
 * Makes values by number and starts on the next ones before they are asked for: at most `depth` of
 * them, one after the other, so that what is needed first is made first.
 */
export class Prefetch<Value> {
  readonly #make: (number: number, signal: AbortSignal) => Promise<Value>;
  readonly #depth: number;
  readonly #pending = new Map<number, Pending<Value>>();
  #isClosed = false;

  constructor(make: (number: number, signal: AbortSignal) => Promise<Value>, depth: number) {
    this.#make = make;
    this.#depth = depth;
  }

  /** Any number at any time; those that were prefetched for elsewhere are dropped. */
  async take(number: number): Promise<Value> {
    if (this.#isClosed) throw new Error('the data was closed while a batch of it was asked for');
    for (const [other, { abort }] of this.#pending) {
      if (other >= number && other <= number + this.#depth) continue;
      abort.abort(new Error(`batch ${other} is no longer needed`));
      this.#pending.delete(other);
    }
    let previous: Pending<Value> | undefined;
    for (let next = number; next <= number + this.#depth; next++) {
      previous = this.#pending.get(next) ?? this.#start(next, previous);
    }
    const taken = this.#pending.get(number);
    try {
      return await (taken?.value ?? this.#make(number, new AbortController().signal));
    } finally {
      if (this.#pending.get(number) === taken) this.#pending.delete(number);
    }
  }

  /** Drops what is under way; resolves when nothing is any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { abort } of pending) abort.abort(new Error('the data was closed'));
    await Promise.allSettled(pending.map(({ value }) => value));
  }

  #start(number: number, previous: Pending<Value> | undefined): Pending<Value> {
    const abort = new AbortController();
    const value = (async () => {
      // Its failure is for whoever takes it.
      await previous?.value.catch(() => undefined);
      abort.signal.throwIfAborted();
      return this.#make(number, abort.signal);
    })();
    value.catch(() => undefined);
    const pending = { value, abort };
    this.#pending.set(number, pending);
    return pending;
  }
}
