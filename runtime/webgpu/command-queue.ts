import type { FailureReason } from '../worker/status';

/** The GPU device is gone: low memory, a hang, or a page that was hidden. It must be made anew. */
export class DeviceLostError extends Error {
  override readonly name = 'DeviceLostError';
  /** The page's. */
  readonly reason: FailureReason = 'device-lost';
}

/** The device refused a command: a fault in the engine. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** What is left of a call when its work is submitted; `done` resolves when the GPU is through. */
export type Finish<Result> = (done: Promise<undefined>) => Promise<Result>;

/** One submit of a call. */
export interface Submit {
  /** Encodes and submits, without waiting. */
  readonly run: () => void;
  /** Is told how many milliseconds the GPU worked on it. */
  readonly took?: (ms: number) => void;
}

/** A call's submits in their order, and what is left when they are made. */
export interface Issue<Result> {
  readonly submits: readonly Submit[];
  readonly finish: Finish<Result>;
}

/** More in flight crash Safari 26 (llama.cpp #21533); fewer leave the GPU idle between submits. */
const maxSubmitsInFlight = 2;

/**
 * Puts calls into one order: the submits of each wait for those before, none waits for results.
 * Nothing is submitted while the queue is paused. A lost device fails every pending and every later
 * call.
 */
export class CommandQueue {
  readonly #device: GPUDevice;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #running: Promise<unknown>[] = [];
  readonly #unfinished = new Set<Promise<unknown>>();
  readonly #pending = new Set<(error: DeviceLostError) => void>();
  #lost: DeviceLostError | undefined;
  /** Resolves when a pause is over; undefined when there is none. */
  #pause: { readonly over: Promise<void>; readonly end: () => void } | undefined;
  /** Counts pauses: what began in another one than it ended in was not timed. */
  #pauses = 0;
  readonly #now: () => number;
  /** When the last submit that has ended did. */
  #lastEnd = 0;

  /** @param now milliseconds */
  constructor(device: GPUDevice, now: () => number = Date.now) {
    this.#device = device;
    this.#now = now;
    void device.lost.then(({ reason, message }) => {
      this.#lost = new DeviceLostError(
        `the GPU device was lost (${reason}): ${message || 'no reason given'}; join again`,
      );
      for (const reject of this.#pending) reject(this.#lost);
      this.#pending.clear();
    });
  }

  /**
   * Runs a call's submits in the order of the calls.
   *
   * @param prepare what has to be waited for first: a free staging buffer
   * @param issue writes all that the call uploads, without waiting
   * @throws DeviceLostError when the device is lost, before or while the call runs
   */
  submit<Prepared, Result>(
    prepare: () => Promise<Prepared>,
    issue: (prepared: Prepared) => Issue<Result>,
  ): Promise<Result> {
    const issued = this.#tail.then(async () => {
      await this.#room();
      const prepared = await prepare();
      const [{ submits, finish }, written] = this.#checked(() => issue(prepared));
      const accepted = [written];
      let done: Promise<undefined> = Promise.resolve(undefined);
      for (const submit of submits) {
        await this.#room();
        accepted.push(this.#checked(submit.run)[1]);
        done = this.#follow(submit);
      }
      return { finish, done, accepted };
    });
    this.#tail = issued.catch(() => undefined);
    const finished = issued.then(async ({ finish, done, accepted }) => {
      const [result] = await Promise.all([finish(done), ...accepted]);
      return result;
    });
    return this.#unlessLost(finished);
  }

  /** Nothing more is submitted until `resume`: what a hidden page submits can lose the device. */
  pause(): void {
    if (this.#pause) return;
    this.#pauses++;
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => (end = resolve));
    this.#pause = { over, end };
  }

  resume(): void {
    this.#pause?.end();
    this.#pause = undefined;
  }

  /** Runs work by itself: it waits for all calls before it, and the calls after it for its end. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const finished = this.drain().then(async () => {
      await this.#room();
      return work();
    });
    this.#tail = finished.catch(() => undefined);
    return this.#unlessLost(finished);
  }

  /** Resolves when all calls so far have ended, one way or the other. */
  async drain(): Promise<void> {
    await Promise.allSettled([...this.#unfinished]);
  }

  /** Waits until another submit may be made. */
  async #room(): Promise<void> {
    while (this.#pause || this.#running.length >= maxSubmitsInFlight) {
      await (this.#pause?.over ?? this.#running.shift());
    }
    if (this.#lost) throw this.#lost;
  }

  /** Counts a submit that was made as running until the GPU is through. */
  #follow({ took }: Submit): Promise<undefined> {
    const [submitted, pauses] = [this.#now(), this.#pauses];
    const done = this.#device.queue.onSubmittedWorkDone();
    const ended = done.then(() => {
      const end = this.#now();
      if (pauses === this.#pauses) took?.(end - Math.max(submitted, this.#lastEnd));
      this.#lastEnd = end;
    });
    this.#running.push(ended.catch(() => undefined));
    return done;
  }

  #checked<Result>(issue: () => Result): [Result, Promise<void>] {
    this.#device.pushErrorScope('validation');
    try {
      const result = issue();
      const refused = this.#device.popErrorScope();
      const accepted = refused.then((error) => {
        if (error) throw new CommandError(error.message);
      });
      return [result, accepted];
    } catch (error) {
      void this.#device.popErrorScope();
      throw error;
    }
  }

  #unlessLost<Result>(work: Promise<Result>): Promise<Result> {
    const result = new Promise<Result>((resolve, reject) => {
      if (this.#lost) reject(this.#lost);
      else this.#pending.add(reject);
      const fail = (error: unknown): void => {
        // A map that is aborted means that the device is gone; `device.lost` may say so later.
        const aborted = error instanceof Error && error.name === 'AbortError';
        reject(
          aborted
            ? new DeviceLostError(`the GPU device was lost: ${error.message}`)
            : (error as Error),
        );
      };
      void work.then(resolve, fail).finally(() => {
        this.#pending.delete(reject);
        this.#unfinished.delete(result);
      });
    });
    this.#unfinished.add(result);
    return result;
  }
}
