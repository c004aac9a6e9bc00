import type { PipelineStage } from '../../runtime/pipeline/stage';
import { CheckpointError } from '../checkpoint/error';
import type { RemoteWorker } from '../link/remote-worker';
import { WorkerLostError } from '../link/worker-lost';
import type { WorkerPool } from '../link/worker-pool';
import { Candidates, type Candidate } from './candidates';
import type { TrainConfig } from './config';
import { evaluate } from './evaluation';
import { form, type Formation } from './formation';
import { learningRateAt } from './learning-rate';
import { planPipeline } from './plan';
import { RunInterruptedError, type TrainerEvents, type TrainOutcome } from './records';
import { Snapshots, type Snapshot } from './snapshots';
import type { TrainingData } from './training-data';

export interface TrainerOptions {
  readonly config: TrainConfig;
  readonly data: TrainingData;
  readonly hostStage: PipelineStage;
  readonly pool: WorkerPool;
  readonly start: Snapshot;
  /** The step of the last evaluation before the start; 0 for none. */
  readonly evaluatedStep: number;
  readonly events: TrainerEvents;
  /** Workers to wait for before the first step; a fixed cut waits for as many as it needs. */
  readonly waitFor: number;
  /** Rejects when the workers that were asked for can't come (a headless browser that died). */
  readonly workersFailed: Promise<never>;
}

/**
 * Owns a run: forms the pipeline, takes its steps, lets workers join between steps, and keeps a
 * consistent state on the host.
 *
 * A step is done when it is done on every stage. When a worker is lost, the host goes back to its
 * copy of the state of all stages, takes the steps after it again with the same data, at first
 * alone, and so comes to where it would have been: the run ends as an undisturbed one.
 */
export class Trainer {
  readonly #options: TrainerOptions;
  readonly #snapshots: Snapshots;
  readonly #candidates: Candidates;
  #formation: Formation | undefined;
  /** Steps behind the state that the stages hold; after a loss fewer than are done. */
  #stateStep: number;
  /** Steps that are done and reported; never taken back. */
  #doneStep: number;
  #evaluatedStep: number;
  #keptStep: number;
  #rollbacks = 0;
  #stepsReplayed = 0;
  #stopping = false;
  /** Ends the wait for a device, while there is one. */
  #stopWaiting: (() => void) | undefined;

  constructor(options: TrainerOptions) {
    const { config, pool, events, start, evaluatedStep } = options;
    this.#options = options;
    this.#snapshots = new Snapshots(start);
    this.#candidates = new Candidates(config, pool, (text) => events.notice(text));
    this.#stateStep = start.step;
    this.#doneStep = start.step;
    this.#evaluatedStep = evaluatedStep;
    this.#keptStep = start.step;
  }

  /** Ends the run after the step that is under way. */
  stop(): void {
    this.#stopping = true;
    this.#stopWaiting?.();
  }

  /** Runs to the end; the last checkpoint holds the state after the last whole step. */
  async run(): Promise<TrainOutcome> {
    await this.#waitForWorkers();
    try {
      for (;;) {
        const outcome = await this.#untilLoss();
        if (outcome instanceof WorkerLostError) await this.#recover(outcome);
        else return outcome;
      }
    } catch (error) {
      if (this.#doneStep === this.#options.start.step) throw error;
      // Bad pictures, a loss that is no number, a broken engine: what was learnt is kept.
      throw await this.#interrupted(error);
    }
  }

  async #waitForWorkers(): Promise<void> {
    const { config, pool, waitFor, workersFailed, events } = this.#options;
    const needed = Math.max(config.cut === 'auto' ? 0 : config.cut.length, waitFor);
    const missing = needed - pool.workers.length;
    if (missing > 0) {
      events.notice(`Waiting for ${missing} ${missing === 1 ? 'worker' : 'workers'} to join.`);
    }
    await pool.waitFor(needed, workersFailed);
  }

  /** Goes on to the run's end, or until a worker is lost; returns either. */
  async #untilLoss(): Promise<TrainOutcome | WorkerLostError> {
    try {
      if (!this.#formation) {
        await this.#begin();
      }
      for (;;) {
        const outcome = await this.#next();
        if (outcome) return outcome;
      }
    } catch (error) {
      if (error instanceof WorkerLostError) return error;
      throw error;
    }
  }

  /** Forms the first pipeline; a device may take minutes for its stage, and is not waited for then. */
  async #begin(): Promise<void> {
    const first = this.#candidates.first();
    const formed = this.#form(first, this.#snapshots.newest);
    if (first.workers.length === 0) return formed;
    await this.#unlessStopped(formed);
    if (!this.#formation) throw new Error('stopped before the workers had their stages ready');
  }

  /**
   * Undefined when the run is to end meanwhile. Not a race with a promise that lasts as long as the
   * run: that one would hold whatever has won, and with it workers that are long gone.
   */
  async #unlessStopped<Result>(waiting: Promise<Result>): Promise<Result | undefined> {
    if (this.#stopping) {
      waiting.catch(() => undefined);
      return undefined;
    }
    const stopped = new Promise<undefined>((resolve) => {
      this.#stopWaiting = () => resolve(undefined);
    });
    try {
      return await Promise.race([waiting, stopped]);
    } finally {
      this.#stopWaiting = undefined;
    }
  }

  /** One thing at a time, between two steps: what is due, the end, or another step. */
  async #next(): Promise<TrainOutcome | undefined> {
    const { config, data } = this.#options;
    if (this.#stateStep === this.#doneStep) {
      if (this.#isDue(this.#evaluatedStep) && !this.#stopping) await this.#evaluate();
      if (this.#doneStep >= config.steps || this.#stopping) return this.#finish();
      if (this.#isDue(this.#keptStep)) await this.#keep();
    }
    if (!this.#stopping) await this.#takeIn(this.#stateStep % data.stepsPerEpoch === 0);
    await this.#takeStep();
    return undefined;
  }

  /** Whether an epoch's end was reached after `lastDone`. */
  #isDue(lastDone: number): boolean {
    return this.#doneStep > lastDone && this.#doneStep % this.#options.data.stepsPerEpoch === 0;
  }

  async #form({ plan, workers }: Candidate, snapshot: Snapshot): Promise<void> {
    const { hostStage, events, config } = this.#options;
    this.#formation = await form(plan, [hostStage, ...workers], snapshot, config);
    this.#stateStep = snapshot.step;
    events.plan(plan.cut, this.#formation.stages);
  }

  /** Moves to a plan with more workers when there is one; at an epoch's end it waits for it. */
  async #takeIn(waits: boolean): Promise<void> {
    const { workers, pipeline } = this.#running;
    const next = this.#candidates.next(workers, this.#stateStep, waits);
    const candidate = await (waits ? this.#unlessStopped(next) : next);
    if (!candidate) return;
    for (const worker of candidate.newcomers) {
      this.#options.events.notice(
        `${worker.device} (worker ${worker.id}) takes over ${shareOf(candidate, worker)}.`,
      );
    }
    await this.#form(candidate, await this.#snapshots.now(pipeline, this.#stateStep));
  }

  async #takeStep(): Promise<void> {
    const { config, data, events } = this.#options;
    const { pipeline, plan } = this.#running;
    const step = this.#stateStep + 1;
    const learningRate = learningRateAt(config.learningRate, step, config.steps);
    const started = performance.now();
    const batch = await data.batch(step);
    const { loss, correct, computeMs } = await pipeline.step(step, batch, learningRate);
    const ms = performance.now() - started;
    this.#stateStep = step;
    this.#snapshots.offer(pipeline, step);
    if (step <= this.#doneStep) {
      this.#stepsReplayed++;
      return;
    }
    this.#doneStep = step;
    events.step({
      step,
      epoch: Math.ceil(step / data.stepsPerEpoch),
      loss,
      accuracy: correct / config.batchSize,
      learningRate,
      ms,
      imagesPerSecond: (1000 * config.batchSize) / ms,
      computeMs,
      cut: plan.cut,
    });
  }

  async #evaluate(): Promise<void> {
    const { config, data, events } = this.#options;
    const step = this.#doneStep;
    if (data.validationCount > 0) {
      const { pipeline } = this.#running;
      const evaluation = await evaluate(pipeline, data, step, config.microBatchSize);
      events.evaluation({ step, epoch: step / data.stepsPerEpoch, ...evaluation });
    }
    this.#evaluatedStep = step;
  }

  async #keep(): Promise<string> {
    const snapshot = await this.#snapshots.now(this.#running.pipeline, this.#doneStep);
    const checkpoint = await this.#options.events.checkpoint(snapshot);
    this.#keptStep = snapshot.step;
    return checkpoint;
  }

  async #finish(): Promise<TrainOutcome> {
    const checkpoint = await this.#keep();
    const { stages, plan } = this.#running;
    return {
      step: this.#doneStep,
      checkpoint,
      stages,
      cut: plan.cut,
      stopped: this.#doneStep < this.#options.config.steps,
      rollbacks: this.#rollbacks,
      stepsReplayed: this.#stepsReplayed,
    };
  }

  /** Goes on without the lost worker, on the host alone until others are ready to be taken in. */
  async #recover(lost: WorkerLostError): Promise<void> {
    const { events, pool } = this.#options;
    this.#formation?.pipeline.abort(lost);
    const { step } = await this.#snapshots.settled();
    const again = this.#doneStep - step;
    this.#rollbacks++;
    this.#candidates.lost(step);
    events.notice(
      `${lost.message}. The computer goes on alone from its copy of step ${step}` +
        (again > 0 ? ` and computes ${again} ${again === 1 ? 'step' : 'steps'} again.` : '.'),
    );
    for (const worker of pool.workers) worker.idle('Another device of this run went away.');
    await this.#rollBack();
  }

  /** Has the host alone hold the newest state that it has a copy of. */
  async #rollBack(): Promise<void> {
    const plan = planPipeline(this.#options.config, []);
    await this.#form({ plan, workers: [], newcomers: [] }, await this.#snapshots.settled());
  }

  /** Keeps the state after the last whole step, or the newest that can be had; the error for it. */
  async #interrupted(cause: unknown): Promise<Error> {
    const { config, events, start } = this.#options;
    const error = cause instanceof Error ? cause : new Error(String(cause));
    // It is the keeping that failed.
    if (error instanceof CheckpointError) return error;
    const snapshot = await this.#lastWhole();
    if (snapshot.step === start.step) return error;
    const reason = error.message.charAt(0).toUpperCase() + error.message.slice(1);
    const state =
      snapshot.step === this.#doneStep
        ? `Step ${snapshot.step} of ${config.steps} was the last whole one; its state`
        : `The state after step ${snapshot.step} of ${config.steps}`;
    try {
      const checkpoint = await events.checkpoint(snapshot);
      const message = `${reason}. ${state} is in ${checkpoint}`;
      return new RunInterruptedError(message, checkpoint, { cause: error });
    } catch (failure) {
      const why = failure instanceof Error ? failure.message : String(failure);
      return new Error(`${reason}. ${state} is lost: ${why}`, { cause: error });
    }
  }

  /** The state after the last whole step, or the newest copy where that can't be had. */
  async #lastWhole(): Promise<Snapshot> {
    for (;;) {
      try {
        if (this.#running.pipeline.isAborted) await this.#rollBack();
        while (this.#stateStep < this.#doneStep) await this.#takeStep();
        return await this.#snapshots.now(this.#running.pipeline, this.#doneStep);
      } catch (failure) {
        // A worker that is gone as well: the host alone has none to lose.
        if (failure instanceof WorkerLostError) continue;
        this.#options.events.notice(`Step ${this.#doneStep} can't be kept: ${String(failure)}`);
        return this.#snapshots.newest;
      }
    }
  }

  get #running(): Formation {
    if (!this.#formation) throw new Error('expected a formed pipeline');
    return this.#formation;
  }
}

function shareOf({ plan, workers }: Candidate, worker: RemoteWorker): string {
  const index = workers.indexOf(worker);
  const { firstUnit = '', lastUnit = '' } = plan.assignments[1 + index] ?? {};
  return index === workers.length - 1 ? `from ${firstUnit} on` : `${firstUnit} to ${lastUnit}`;
}
