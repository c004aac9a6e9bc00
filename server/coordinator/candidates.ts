import { defaultCut } from '../../runtime/model/cut';
import type { RemoteWorker } from '../link/remote-worker';
import type { WorkerPool } from '../link/worker-pool';
import type { TrainConfig } from './config';
import { fitToDevice } from './fit';
import { planPipeline, type PipelinePlan } from './plan';

/** A plan with more workers than compute now. */
export interface Candidate {
  readonly plan: PipelinePlan;
  /** Of the stages behind the host's, in order. */
  readonly workers: readonly RemoteWorker[];
  /** Those of them that compute nothing yet. */
  readonly newcomers: readonly RemoteWorker[];
}

/** A newcomer that can't have its stage, and why. */
interface Failure {
  readonly worker: RemoteWorker;
  readonly reason: string;
}

interface Preparation extends Candidate {
  readonly failures: Promise<readonly Failure[]>;
  isSettled: boolean;
}

/** Most steps that losses in a row keep workers out for. */
const maxStepsAlone = 64;

/**
 * Workers that have joined, on their way into the pipeline. They allocate their stage while the run
 * goes on without them, and are taken in at a step's end.
 *
 * After a loss the computer first gets on by itself: by one step, and by twice as many each time
 * that a loss comes before any copy of what the workers hold, so that a device that always fails
 * can't stop the run.
 */
export class Candidates {
  readonly #config: TrainConfig;
  readonly #pool: WorkerPool;
  readonly #notice: (text: string) => void;
  /** First unit of each stage behind the host's when all workers are there. */
  readonly #cut: readonly string[];
  readonly #unfit = new WeakSet<RemoteWorker>();
  #preparation: Preparation | undefined;
  #takenInAt = -1;
  #lossesInARow = 0;
  #opensAt = 0;

  constructor(config: TrainConfig, pool: WorkerPool, notice: (text: string) => void) {
    this.#config = config;
    this.#pool = pool;
    this.#notice = notice;
    this.#cut = config.cut === 'auto' ? defaultCut(config.model.architecture) : config.cut;
  }

  /** What a run starts with: the workers of a fixed cut; alone where the run chooses. */
  first(): Candidate {
    return this.#with([], this.#config.cut === 'auto' ? [] : this.#pool.workers);
  }

  /**
   * At a step's end: the plan to move to, once its newcomers are prepared.
   * @param current the workers that compute now
   * @param step the steps behind the pipeline's state
   * @param waits for their preparation, however long it takes
   */
  async next(
    current: readonly RemoteWorker[],
    step: number,
    waits: boolean,
  ): Promise<Candidate | undefined> {
    const preparation = (this.#preparation ??= this.#prepare(current));
    if (!preparation || step < this.#opensAt || !(preparation.isSettled || waits)) return undefined;
    this.#preparation = undefined;
    const failures = await preparation.failures;
    for (const { worker, reason } of failures) {
      this.#unfit.add(worker);
      this.#notice(`The run goes on without ${worker.device}: ${reason}`);
    }
    if (failures.length > 0) return undefined;
    this.#takenInAt = step;
    return preparation;
  }

  /** A worker was lost, and `step` is the copy that the run goes back to. */
  lost(step: number): void {
    this.#preparation = undefined;
    this.#lossesInARow = step > this.#takenInAt ? 1 : this.#lossesInARow + 1;
    this.#opensAt = step + Math.min(maxStepsAlone, 2 ** (this.#lossesInARow - 1));
  }

  #prepare(current: readonly RemoteWorker[]): Preparation | undefined {
    const others = this.#pool.workers.filter(
      (worker) => !current.includes(worker) && !this.#unfit.has(worker),
    );
    const candidate = this.#with(current, others);
    if (candidate.newcomers.length === 0) return undefined;
    const failures = this.#allocate(candidate);
    const preparation: Preparation = { ...candidate, failures, isSettled: false };
    void failures.then(() => {
      preparation.isSettled = true;
    });
    return preparation;
  }

  /** Has the newcomers allocate their stages; resolves to those that can't. */
  async #allocate({ plan, workers, newcomers }: Candidate): Promise<Failure[]> {
    const failures: Failure[] = [];
    const allocate = async (worker: RemoteWorker, index: number): Promise<void> => {
      const assignment = plan.assignments[1 + index];
      if (!assignment) throw new RangeError(`expected a stage for worker ${worker.id}`);
      const fitted = fitToDevice(assignment, worker, this.#config);
      if (newcomers.includes(worker)) await worker.prepare(fitted.assignment);
    };
    const refuse = (worker: RemoteWorker, error: unknown): void => {
      const reason = error instanceof Error ? error.message : String(error);
      // Where one that computes now has no room for its new stage, the newcomers are too many.
      const refused = newcomers.includes(worker) ? [worker] : newcomers;
      failures.push(...refused.map((newcomer) => ({ worker: newcomer, reason })));
    };
    await Promise.all(
      workers.map((worker, index) =>
        allocate(worker, index).catch((error: unknown) => refuse(worker, error)),
      ),
    );
    return failures;
  }

  /**
   * With fewer workers than the cut has places for, the computer takes the units of the first ones:
   * no worker gets more than the cut gives one.
   */
  #with(current: readonly RemoteWorker[], others: readonly RemoteWorker[]): Candidate {
    const newcomers = others.slice(0, Math.max(0, this.#cut.length - current.length));
    const workers = [...current, ...newcomers];
    const cut = this.#cut.slice(this.#cut.length - workers.length);
    return { plan: planPipeline(this.#config, cut), workers, newcomers };
  }
}
