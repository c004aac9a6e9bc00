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

/** More in flight crash Safari 26 (llama.cpp #21533); fewer leave the GPU idle between submits. */
const maxSubmitsInFlight = 2;

/**
 * Puts calls into one order: each one's submit waits for the submits before it, none waits for
 * results. A lost device fails every pending and every later call.
 */
export class CommandQueue {
  readonly #device: GPUDevice;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #running: Promise<unknown>[] = [];
  readonly #unfinished = new Set<Promise<unknown>>();
  readonly #pending = new Set<(error: DeviceLostError) => void>();
  #lost: DeviceLostError | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
    void device.lost.then(({ reason, message }) => {
      this.#lost = new DeviceLostError(
        `the GPU device was lost (${reason}): ${message || 'no reason given'}; join again`,
      );
      for (const reject of this.#pending) reject(this.#lost);
      this.#pending.clear();
    });
  }

  /**
   * Submits work in the order of the calls.
   *
   * @param prepare what has to be waited for first: a free staging buffer
   * @param issue writes, encodes and submits, all without waiting
   * @throws DeviceLostError when the device is lost, before or while the call runs
   */
  submit<Prepared, Result>(
    prepare: () => Promise<Prepared>,
    issue: (prepared: Prepared) => Finish<Result>,
  ): Promise<Result> {
    const issued = this.#tail.then(async () => {
      while (this.#running.length >= maxSubmitsInFlight) await this.#running.shift();
      const prepared = await prepare();
      if (this.#lost) throw this.#lost;
      const [finish, accepted] = this.#checked(() => issue(prepared));
      const done = this.#device.queue.onSubmittedWorkDone();
      this.#running.push(done.catch(() => undefined));
      return { finish, done, accepted };
    });
    this.#tail = issued.catch(() => undefined);
    const finished = issued.then(async ({ finish, done, accepted }) => {
      const [result] = await Promise.all([finish(done), accepted]);
      return result;
    });
    return this.#unlessLost(finished);
  }

  /** Runs work by itself: it waits for all calls before it, and the calls after it for its end. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const finished = this.drain().then(() => {
      if (this.#lost) throw this.#lost;
      return work();
    });
    this.#tail = finished.catch(() => undefined);
    return this.#unlessLost(finished);
  }

  /** Resolves when all calls so far have ended, one way or the other. */
  async drain(): Promise<void> {
    await Promise.allSettled([...this.#unfinished]);
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
