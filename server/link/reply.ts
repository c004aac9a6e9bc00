/** How long an answer may take, counted from the last sign of progress, and what follows. */
export interface Deadline {
  readonly limitMs: number;
  readonly onExpiry: () => void;
}

/** One answer that may be waited for at a time. */
export class Reply<Value> {
  #resolve: ((value: Value) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  get isWaitedFor(): boolean {
    return this.#resolve !== undefined;
  }

  /** Waits for the next answer; rejects at once when `lost` is given. */
  expect(lost: Error | undefined, { limitMs, onExpiry }: Deadline): Promise<Value> {
    if (lost) return Promise.reject(lost);
    if (this.#resolve) return Promise.reject(new Error('an answer is already waited for'));
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      // A deadline alone keeps no process alive.
      this.#timer = setTimeout(onExpiry, limitMs).unref();
    });
  }

  /** A sign of progress: the deadline counts from now on. */
  extend(): void {
    this.#timer?.refresh();
  }

  /** Gives the answer to whoever waits; nothing happens when nobody does. */
  resolve(value: Value): void {
    const resolve = this.#resolve;
    this.#clear();
    resolve?.(value);
  }

  reject(error: Error): void {
    const reject = this.#reject;
    this.#clear();
    reject?.(error);
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#resolve = undefined;
    this.#reject = undefined;
  }
}
