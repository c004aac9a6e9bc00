import type { NamedTensors } from '../../runtime/tensor';
import type { Pipeline } from './pipeline';

/** The state of all stages after `step` steps, held by the host. */
export interface Snapshot {
  readonly step: number;
  readonly state: NamedTensors;
}

/*
 * How often. A loss costs the steps since the last copy, a copy its bytes: those of a ResNet-34
 * from layer3.0 on with momentum are 164 MB, which take USB 2 about 5 s. They cross as bulk
 * traffic, behind every activation and gradient, so that what a copy costs is the worker's readback
 * and the cable's idle time. With workers a tenth of the time may be copying; on the host alone,
 * where nobody can be lost and the copy keeps the engine from computing, a hundredth.
 */
const copyingShare = { withWorkers: 1 / 10, alone: 1 / 100 };

/**
 * Keeps the newest whole copy of the pipeline's state on the host. Copies are taken while training
 * goes on; one that a lost worker leaves unfinished is dropped and the one before stays.
 */
export class Snapshots {
  #newest: Snapshot;
  #pending: Promise<void> | undefined;
  #pipeline: Pipeline | undefined;
  #startedAt = 0;
  /** What the pipeline's last copy took; 0 before its first, which is therefore due at once. */
  #tookMs = 0;

  constructor(start: Snapshot) {
    this.#newest = start;
  }

  get newest(): Snapshot {
    return this.#newest;
  }

  /** After a step: starts a copy when one is due and none is under way. */
  offer(pipeline: Pipeline, step: number): void {
    if (this.#pending) return;
    if (pipeline !== this.#pipeline) {
      this.#pipeline = pipeline;
      this.#tookMs = 0;
    }
    const share = pipeline.stages.length > 1 ? copyingShare.withWorkers : copyingShare.alone;
    if (performance.now() - this.#startedAt < this.#tookMs / share) return;
    this.#pending = this.#copy(pipeline, step)
      // A lost worker is reported by the step that it was needed for.
      .catch(() => undefined)
      .finally(() => {
        this.#pending = undefined;
      });
  }

  /** The newest copy, once the one that is under way has come or failed. */
  async settled(): Promise<Snapshot> {
    await this.#pending;
    return this.#newest;
  }

  /** A whole copy as of `step`, now. */
  async now(pipeline: Pipeline, step: number): Promise<Snapshot> {
    await this.#pending;
    if (this.#newest.step !== step) await this.#copy(pipeline, step);
    return this.#newest;
  }

  async #copy(pipeline: Pipeline, step: number): Promise<void> {
    this.#startedAt = performance.now();
    const state = await pipeline.exportState(step);
    this.#tookMs = performance.now() - this.#startedAt;
    this.#newest = { step, state };
  }
}
