/** One answer that may be waited for at a time. */
export class Reply<Value> {
  #resolve: ((value: Value) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  /** Waits for the next answer; rejects at once when `lost` is given. */
  expect(lost: Error | undefined): Promise<Value> {
    if (lost) return Promise.reject(lost);
    if (this.#resolve) return Promise.reject(new Error('an answer is already waited for'));
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Gives the answer to whoever waits; false when nobody does. */
  resolve(value: Value): boolean {
    const resolve = this.#resolve;
    this.#clear();
    resolve?.(value);
    return resolve !== undefined;
  }

  reject(error: Error): void {
    const reject = this.#reject;
    this.#clear();
    reject?.(error);
  }

  #clear(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
  }
}
