import { defaultCut } from '../../runtime/model/cut';
import type { PipelineStage } from '../../runtime/pipeline/stage';
import type { MemoryUse } from '../../runtime/webgpu/memory-use';
import type { RemoteWorker } from '../link/remote-worker';
import { WorkerLostError } from '../link/worker-lost';
import type { WorkerPool } from '../link/worker-pool';
import type { TrainConfig } from './config';
import { evaluate, type Evaluation } from './evaluation';
import { fitToDevice } from './fit';
import { learningRateAt } from './learning-rate';
import { Pipeline, type StepResult } from './pipeline';
import { planPipeline, type PipelinePlan } from './plan';
import { Snapshots, type Snapshot } from './snapshots';
import type { TrainingData } from './training-data';

/** Steps between two copies of the workers' state on the host. */
const stepsPerSnapshot = 10;

/** One step, as it is reported and recorded. */
export interface StepRecord {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  /** Top-1 on the training pictures of the step, 0 to 1. */
  readonly accuracy: number;
  readonly learningRate: number;
  readonly ms: number;
  readonly imagesPerSecond: number;
  /** By stage. */
  readonly computeMs: readonly number[];
  readonly cut: readonly string[];
}

export interface EvaluationRecord extends Evaluation {
  readonly step: number;
  readonly epoch: number;
}

/** One stage of the plan that a run ended with. */
export interface StageRecord {
  readonly engine: PipelineStage['engine'];
  readonly device: string;
  readonly units: readonly [first: string, last: string];
  readonly memoryBytes: number;
  /** What of it is for what, to the byte; null for the CPU engine, whose runtime allocates. */
  readonly memory: MemoryUse | null;
  /** Whether activations are computed once more in the backward instead of kept. */
  readonly recompute: boolean;
}

export interface TrainerEvents {
  /** A sentence for the person at the terminal. */
  notice(text: string): void;
  plan(cut: readonly string[], stages: readonly StageRecord[]): void;
  step(record: StepRecord): void;
  evaluation(record: EvaluationRecord): void;
  /** The state after the last whole step is to be kept; resolves to where it is. */
  checkpoint(snapshot: Snapshot): Promise<string>;
}

export interface TrainerOptions {
  readonly config: TrainConfig;
  readonly data: TrainingData;
  readonly hostStage: PipelineStage;
  readonly pool: WorkerPool;
  readonly start: Snapshot;
  readonly events: TrainerEvents;
  /** Workers to wait for before the first step; a fixed cut waits for as many as it needs. */
  readonly waitFor: number;
  /** Rejects when the workers that were asked for can't come (a headless browser that died). */
  readonly workersFailed: Promise<never>;
}

export interface TrainOutcome {
  readonly step: number;
  readonly checkpoint: string;
  readonly stages: readonly StageRecord[];
  readonly cut: readonly string[];
  readonly stopped: boolean;
}

/** A run ended before its time; what it had learnt is kept in the checkpoint. */
export class RunInterruptedError extends Error {
  override readonly name = 'RunInterruptedError';
  readonly checkpoint: string;

  constructor(message: string, checkpoint: string) {
    super(message);
    this.checkpoint = checkpoint;
  }
}

/**
 * Owns a run: builds the pipeline, takes its steps, lets workers join between steps, and keeps a
 * consistent state on the host from which a lost worker's steps are computed again.
 */
export class Trainer {
  readonly #options: TrainerOptions;
  readonly #snapshots: Snapshots;
  #pipeline: Pipeline | undefined;
  #plan: PipelinePlan;
  #stages: readonly StageRecord[] = [];
  #step: number;
  #evaluatedStep: number;
  #keptStep: number;
  #stopping = false;
  #candidate: { worker: RemoteWorker; plan: PipelinePlan; isReady: boolean } | undefined;
  readonly #unfit = new WeakSet<RemoteWorker>();

  constructor(options: TrainerOptions) {
    this.#options = options;
    this.#snapshots = new Snapshots(options.start);
    this.#step = options.start.step;
    this.#evaluatedStep = options.start.step;
    this.#keptStep = options.start.step;
    this.#plan = planPipeline(options.config, this.#fixedCut ?? []);
  }

  /** Ends the run after the step that is under way. */
  stop(): void {
    this.#stopping = true;
  }

  /** Runs to the end; the last checkpoint holds the state after the last whole step. */
  async run(): Promise<TrainOutcome> {
    const { pool, waitFor, workersFailed, events } = this.#options;
    const remoteStages = this.#plan.assignments.length - 1;
    const needed = Math.max(remoteStages, waitFor);
    const missing = needed - pool.workers.length;
    if (missing > 0) {
      events.notice(`Waiting for ${missing} ${missing === 1 ? 'worker' : 'workers'} to join.`);
    }
    await pool.waitFor(needed, workersFailed);
    const waiting = pool.workers.slice(0, remoteStages);
    await this.#withRecovery(() => this.#build(this.#plan, waiting, this.#snapshots.newest));
    try {
      return await this.#train();
    } catch (error) {
      if (error instanceof RunInterruptedError || this.#step === this.#options.start.step) {
        throw error;
      }
      // Bad pictures, a loss that is no number, a broken engine: what was learnt is kept.
      throw await this.#interrupted(error);
    }
  }

  async #train(): Promise<TrainOutcome> {
    const { config } = this.#options;
    for (;;) {
      const outcome = await this.#withRecovery(async () => {
        if (this.#isDue(this.#evaluatedStep)) await this.#evaluate();
        else if (this.#isDue(this.#keptStep) && this.#step < config.steps) await this.#keep();
        else if (this.#step >= config.steps || this.#stopping) return this.#finish();
        else {
          await this.#joinCandidate();
          await this.#takeStep();
        }
        return undefined;
      });
      if (outcome) return outcome;
    }
  }

  /** The cut that the person asked for; undefined when the run chooses. */
  get #fixedCut(): readonly string[] | undefined {
    const { cut } = this.#options.config;
    return cut === 'auto' ? undefined : cut;
  }

  async #build(
    plan: PipelinePlan,
    workers: readonly RemoteWorker[],
    { state, step }: Snapshot,
  ): Promise<void> {
    const { config, hostStage, events } = this.#options;
    const stages = [hostStage, ...workers];
    const fitted = plan.assignments.map((assignment, index) => {
      const stage = stages[index];
      if (!stage) throw new RangeError(`no stage for assignment ${index}`);
      return { ...fitToDevice(assignment, stage, config.recompute), stage };
    });
    const assignments = fitted.map(({ assignment }) => assignment);
    const pipeline = new Pipeline(stages, assignments, plan.actions);
    this.#pipeline = pipeline;
    this.#plan = plan;
    const memoryBytes = await pipeline.prepare();
    await pipeline.load(state, step, config.steps);
    this.#stages = fitted.map(({ assignment, memory, stage: { engine, device } }, index) => ({
      engine,
      device,
      units: [assignment.firstUnit, assignment.lastUnit],
      memoryBytes: memoryBytes[index] ?? 0,
      memory: memory ?? null,
      recompute: assignment.recompute ?? false,
    }));
    events.plan(plan.cut, this.#stages);
  }

  async #takeStep(): Promise<void> {
    const { config, data, events } = this.#options;
    const step = this.#step + 1;
    const started = performance.now();
    const { loss, correct, computeMs } = await this.#compute(step);
    const ms = performance.now() - started;
    this.#step = step;
    if (this.#hasWorkers && step % stepsPerSnapshot === 0) {
      this.#snapshots.take(this.#running, step);
    }
    events.step({
      step,
      epoch: Math.ceil(step / data.stepsPerEpoch),
      loss,
      accuracy: correct / config.batchSize,
      learningRate: this.#learningRate(step),
      ms,
      imagesPerSecond: (1000 * config.batchSize) / ms,
      computeMs,
      cut: this.#plan.cut,
    });
  }

  async #compute(step: number): Promise<StepResult> {
    const batch = await this.#options.data.batch(step);
    return this.#running.step(step, batch, this.#learningRate(step));
  }

  #learningRate(step: number): number {
    const { learningRate, steps } = this.#options.config;
    return learningRateAt(learningRate, step, steps);
  }

  /** Whether an epoch's end was reached after `lastDone`. */
  #isDue(lastDone: number): boolean {
    const { data } = this.#options;
    return (
      this.#step > lastDone &&
      this.#step % data.stepsPerEpoch === 0 &&
      data.validationCount > 0 &&
      !this.#stopping
    );
  }

  async #evaluate(): Promise<void> {
    const { config, data, events } = this.#options;
    const step = this.#step;
    const evaluation = await evaluate(this.#running, data, step, config.microBatchSize);
    this.#evaluatedStep = step;
    events.evaluation({ step, epoch: step / data.stepsPerEpoch, ...evaluation });
  }

  async #keep(): Promise<string> {
    const snapshot = await this.#snapshots.now(this.#running, this.#step);
    const checkpoint = await this.#options.events.checkpoint(snapshot);
    this.#keptStep = snapshot.step;
    return checkpoint;
  }

  async #finish(): Promise<TrainOutcome> {
    const checkpoint = await this.#keep();
    const stopped = this.#step < this.#options.config.steps;
    return { step: this.#step, checkpoint, stages: this.#stages, cut: this.#plan.cut, stopped };
  }

  /**
   * In a run that chooses its cut: prepares a joined worker in the background, and moves its units
   * over once it is prepared; at an epoch's end it waits for the preparation.
   */
  async #joinCandidate(): Promise<void> {
    const { data, pool, events } = this.#options;
    if (this.#fixedCut || this.#hasWorkers) return;
    if (this.#candidate && !this.#candidate.worker.isConnected) this.#candidate = undefined;
    this.#candidate ??= this.#prepareCandidate(
      pool.workers.find((worker) => !this.#unfit.has(worker)),
    );
    const candidate = this.#candidate;
    if (!candidate) return;
    const { worker, plan } = candidate;
    if (!candidate.isReady && this.#step % data.stepsPerEpoch !== 0) return;
    try {
      await this.#prepareOn(worker, plan);
    } catch (error) {
      this.#candidate = undefined;
      this.#unfit.add(worker);
      const reason = error instanceof Error ? error.message : String(error);
      events.notice(`The run goes on without ${worker.device}: ${reason}`);
      return;
    }
    this.#candidate = undefined;
    const cut = plan.cut.join(',');
    events.notice(`${worker.device} (worker ${worker.id}) takes over from ${cut} on.`);
    const snapshot = { step: this.#step, state: await this.#running.exportState(this.#step) };
    this.#snapshots.set(snapshot);
    await this.#build(plan, [worker], snapshot);
  }

  #prepareCandidate(
    worker: RemoteWorker | undefined,
  ): { worker: RemoteWorker; plan: PipelinePlan; isReady: boolean } | undefined {
    if (!worker) return undefined;
    const { config } = this.#options;
    const plan = planPipeline(config, defaultCut(config.model.architecture));
    const candidate = { worker, plan, isReady: false };
    const settled = (): void => {
      candidate.isReady = true;
    };
    this.#prepareOn(worker, plan).then(settled, settled);
    return candidate;
  }

  /** Has the worker allocate the last stage of a two-stage plan, if it has the room. */
  async #prepareOn(worker: RemoteWorker, plan: PipelinePlan): Promise<number> {
    const assignment = plan.assignments[1];
    if (!assignment) throw new RangeError('expected a plan of two stages');
    const { recompute } = this.#options.config;
    return worker.prepare(fitToDevice(assignment, worker, recompute).assignment);
  }

  get #hasWorkers(): boolean {
    return this.#plan.assignments.length > 1;
  }

  get #running(): Pipeline {
    if (!this.#pipeline) throw new Error('expected a built pipeline');
    return this.#pipeline;
  }

  /** Runs the call; a worker that is lost in it is recovered from, and the result undefined. */
  async #withRecovery<Result>(call: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof WorkerLostError)) throw error;
      await this.#recover(error);
      return undefined;
    }
  }

  /** Goes on without the lost worker, or ends a run whose cut needs it. */
  async #recover(lost: WorkerLostError): Promise<void> {
    const { config, events, pool } = this.#options;
    const { step } = this.#snapshots.newest;
    const again = this.#step - step;
    this.#pipeline?.abort(lost);
    events.notice(
      `${capitalised(lost.message)}. The computer goes back to its copy of step ${step}` +
        (again > 0 ? ` and computes ${again} ${again === 1 ? 'step' : 'steps'} again.` : '.'),
    );
    for (const worker of pool.workers) worker.idle('Another device of this run went away.');
    await this.#rollBack();
    const isOver = this.#step >= config.steps || this.#stopping;
    if (this.#fixedCut && !isOver) throw await this.#interrupted(lost);
  }

  /**
   * Takes the newest state that the host holds and computes on the host alone what came after it,
   * with the same data: the state after the last whole step is there again.
   */
  async #rollBack(): Promise<void> {
    const snapshot = this.#snapshots.newest;
    await this.#build(planPipeline(this.#options.config, []), [], snapshot);
    for (let step = snapshot.step + 1; step <= this.#step; step++) await this.#compute(step);
  }

  /** Keeps the state after the last whole step, or the newest that can be had; the error for it. */
  async #interrupted(cause: unknown): Promise<Error> {
    const { config, events, start } = this.#options;
    const reason = capitalised(cause instanceof Error ? cause.message : String(cause));
    const lastWhole = this.#step;
    try {
      // An epoch of steps may take hours to compute again; its start is kept already.
      const isNear = lastWhole - this.#snapshots.newest.step <= 2 * stepsPerSnapshot;
      if (this.#running.isAborted && isNear) await this.#rollBack();
      if (!this.#running.isAborted) {
        const checkpoint = await this.#keep();
        return new RunInterruptedError(
          `${reason}. Step ${lastWhole} of ${config.steps} was the last whole one; its state is in ${checkpoint}`,
          checkpoint,
        );
      }
    } catch (error) {
      events.notice(`Step ${lastWhole} can't be kept: ${String(error)}`);
    }
    const newest = this.#snapshots.newest;
    if (newest.step === start.step) return cause instanceof Error ? cause : new Error(reason);
    const checkpoint = await events.checkpoint(newest);
    return new RunInterruptedError(
      `${reason}. The state after step ${newest.step} of ${config.steps} is in ${checkpoint}`,
      checkpoint,
    );
  }
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
