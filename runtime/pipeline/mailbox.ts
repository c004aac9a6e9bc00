/**
 * Values by key, handed to whoever takes the key, whichever comes first. Each key is put once and
 * taken once.
 */
export class Mailbox<Value> {
  readonly #arrived = new Map<string, Value>();
  readonly #waiting = new Map<string, PromiseWithResolvers<Value>>();
  #closed: Error | undefined;

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  put(key: string, value: Value): void {
    if (this.#closed) return;
    const waiting = this.#waiting.get(key);
    if (waiting) {
      this.#waiting.delete(key);
      waiting.resolve(value);
      return;
    }
    if (this.#arrived.has(key)) throw new Error(`'${key}' came twice`);
    this.#arrived.set(key, value);
  }

  take(key: string): Promise<Value> {
    if (this.#closed) return Promise.reject(this.#closed);
    const value = this.#arrived.get(key);
    if (value !== undefined) {
      this.#arrived.delete(key);
      return Promise.resolve(value);
    }
    if (this.#waiting.has(key)) throw new Error(`'${key}' is waited for twice`);
    const waiting = withResolvers<Value>();
    this.#waiting.set(key, waiting);
    return waiting.promise;
  }

  /** Everyone who waits, and everyone who takes from now on, gets the error; values are dropped. */
  close(error: Error): void {
    this.#closed ??= error;
    this.#arrived.clear();
    for (const { reject } of this.#waiting.values()) reject(this.#closed);
    this.#waiting.clear();
  }
}

interface PromiseWithResolvers<Value> {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (error: Error) => void;
}

// `Promise.withResolvers` came with Node 22; Node 20 is supported.
function withResolvers<Value>(): PromiseWithResolvers<Value> {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
