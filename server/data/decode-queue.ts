import { availableParallelism } from 'node:os';

/** Two keep a core busy while one of them waits for the disk; more would take the engine's cores. */
export function defaultDecodeLimit(): number {
  return Math.min(4, Math.max(2, Math.floor(availableParallelism() / 4)));
}

/** Runs tasks in the order in which they came, so many at a time. */
export class DecodeQueue {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Rejects with the signal's reason when it is aborted before the task's turn. */
  async run<Result>(task: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    if (this.#running >= this.#limit) {
      // Whoever ends hands its place on, so that no later task overtakes.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      signal.throwIfAborted();
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
