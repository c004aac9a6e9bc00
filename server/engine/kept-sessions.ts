import type { StageSpec } from '../../runtime/engine';
import { StageSessions, type SessionsOptions } from './stage-sessions';

/**
 * Compiled graphs of this stage and the one before, so that going back to a cut costs nothing. No
 * more than these: each keeps the memory that its runs have taken.
 */
const maxKept = 2;

/** The compiled graphs of the stages that were loaded last. */
export class KeptSessions {
  /** By all that a stage's graphs depend on; the last one is the newest. */
  readonly #kept = new Map<string, StageSessions>();

  /** @throws ShapeError when an operation can't take what reaches it */
  async get(spec: StageSpec, options: SessionsOptions): Promise<StageSessions> {
    const key = JSON.stringify([
      spec.units.map(({ name, operations }) => [name, operations]),
      [spec.inputShape, spec.microBatchSize, spec.numMicroBatches],
      [spec.needsInputGradient, spec.loss !== undefined],
      options,
    ]);
    const sessions = this.#kept.get(key) ?? new StageSessions(spec, options);
    this.#kept.delete(key);
    this.#kept.set(key, sessions);
    for (const [oldest, outdated] of [...this.#kept].slice(0, -maxKept)) {
      this.#kept.delete(oldest);
      await outdated.release();
    }
    return sessions;
  }

  async release(): Promise<void> {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    for (const sessions of all) await sessions.release();
  }
}
