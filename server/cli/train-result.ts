import type { LinkFacts } from '../../runtime/link/control';
import type { TrainConfig } from '../coordinator/config';
import {
  RunInterruptedError,
  type EvaluationRecord,
  type Records,
  type StageRecord,
  type TrainOutcome,
} from '../coordinator/records';
import { duration } from './train-progress';

/** What carries the tensors of a worker that joined. */
export interface LinkRecord extends Partial<LinkFacts> {
  readonly worker: string;
  readonly device: string;
}

/** The line that `tandem train --json` ends with. */
export interface TrainResult {
  /** One a step, the mean over the batch. */
  readonly losses: readonly number[];
  readonly finalLoss: number | null;
  /** First unit of each further stage, as `--cut` takes it. */
  readonly cut: string;
  readonly schedule: string;
  /** By stage. */
  readonly engine: readonly StageRecord['engine'][];
  readonly stages: readonly StageRecord[];
  /** One a step. */
  readonly msPerBatch: readonly number[];
  readonly imagesPerSecond: number;
  /** Over all workers' connections. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly evaluations: readonly EvaluationRecord[];
  /** One for each time that a worker joined. */
  readonly links: readonly LinkRecord[];
  /** Steps done. */
  readonly steps: number;
  /** Times that a worker was lost and the run went back to its copy. */
  readonly rollbacks: number;
  /** Steps that were computed again for it; each counts once in `losses` and `steps`. */
  readonly stepsReplayed: number;
  /** Ended early because the person asked for it. */
  readonly stopped: boolean;
  readonly seed: number;
  readonly run: string;
  readonly checkpoint: string;
}

export function trainResult(
  { step, checkpoint, stages, cut, stopped, rollbacks, stepsReplayed }: TrainOutcome,
  { steps, evaluations }: Records,
  links: readonly LinkRecord[],
  { schedule, seed, batchSize }: TrainConfig,
  run: string,
  bytes: { readonly sent: number; readonly received: number },
): TrainResult {
  const msPerBatch = steps.map(({ ms }) => ms);
  const totalMs = msPerBatch.reduce((sum, ms) => sum + ms, 0);
  return {
    losses: steps.map(({ loss }) => loss),
    finalLoss: steps.at(-1)?.loss ?? null,
    cut: cut.length === 0 ? 'none' : cut.join(','),
    schedule,
    engine: stages.map(({ engine }) => engine),
    stages,
    msPerBatch,
    imagesPerSecond: totalMs === 0 ? 0 : (1000 * batchSize * steps.length) / totalMs,
    bytesSent: bytes.sent,
    bytesReceived: bytes.received,
    evaluations,
    links,
    steps: step,
    rollbacks,
    stepsReplayed,
    stopped,
    seed,
    run,
    checkpoint,
  };
}

/** The line that a `tandem train --json` ends with that has failed. */
export interface FailedTraining {
  readonly error: string;
  /** Of the last whole step; null where there is none. */
  readonly checkpoint: string | null;
  /** Null where nothing came of the run and its folder is gone. */
  readonly run: string | null;
  readonly losses: readonly number[];
  readonly evaluations: readonly EvaluationRecord[];
  /** Steps done. */
  readonly steps: number;
}

/** A run began and failed; knows what it had done until then. */
export class TrainingFailedError extends Error {
  override readonly name = 'TrainingFailedError';
  readonly result: FailedTraining;

  constructor(cause: unknown, { steps, evaluations }: Records, run: string | null) {
    const error = cause instanceof Error ? cause.message : String(cause);
    super(error, { cause });
    this.result = {
      error,
      checkpoint: cause instanceof RunInterruptedError ? cause.checkpoint : null,
      run,
      losses: steps.map(({ loss }) => loss),
      evaluations,
      steps: steps.at(-1)?.step ?? 0,
    };
  }
}

/** The result in words; `ms` is the time of the whole command. */
export function summary(result: TrainResult, ms: number): string {
  const { finalLoss, imagesPerSecond, msPerBatch, evaluations } = result;
  const evaluation = evaluations.at(-1);
  const lines = [
    `${result.stopped ? 'Stopped' : 'Done'} after step ${result.steps}, ${duration(ms / 1000)}.`,
  ];
  if (finalLoss !== null) {
    const mean = msPerBatch.reduce((sum, step) => sum + step, 0) / msPerBatch.length;
    lines.push(
      `loss ${finalLoss.toFixed(4)}, ${imagesPerSecond.toFixed(1)} images/s, ${mean.toFixed(0)} ms a batch`,
    );
  }
  if (evaluation) {
    const percent = (100 * evaluation.accuracy).toFixed(1);
    lines.push(`validation accuracy ${percent}% (${evaluation.count} pictures)`);
  }
  return [...lines, `run: ${result.run}`, `checkpoint: ${result.checkpoint}`].join('\n  ');
}
