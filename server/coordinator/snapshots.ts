import type { NamedTensors } from '../../runtime/tensor';
import type { Pipeline } from './pipeline';

/** The state of all stages after `step` steps, held by the host. */
export interface Snapshot {
  readonly step: number;
  readonly state: NamedTensors;
}

/**
 * Keeps the newest whole copy of the pipeline's state on the host. Copies are taken while training
 * goes on; one that a lost worker leaves unfinished is dropped and the one before stays.
 */
export class Snapshots {
  #newest: Snapshot;
  #pending: Promise<void> | undefined;

  constructor(start: Snapshot) {
    this.#newest = start;
  }

  get newest(): Snapshot {
    return this.#newest;
  }

  /** Sets a state that the host already has. */
  set(snapshot: Snapshot): void {
    this.#newest = snapshot;
  }

  /** Starts a copy unless one is under way. */
  take(pipeline: Pipeline, step: number): void {
    this.#pending ??= pipeline
      .exportState(step)
      .then((state) => {
        this.#newest = { step, state };
      })
      // A lost worker is reported by the step that it was needed for.
      .catch(() => undefined)
      .finally(() => {
        this.#pending = undefined;
      });
  }

  /** A whole copy as of `step`, now. */
  async now(pipeline: Pipeline, step: number): Promise<Snapshot> {
    await this.#pending;
    if (this.#newest.step !== step) {
      this.#newest = { step, state: await pipeline.exportState(step) };
    }
    return this.#newest;
  }
}
