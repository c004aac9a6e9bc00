import type { Precision } from '../../runtime/engine';
import type { PipelineStage } from '../../runtime/pipeline/stage';
import type { MemoryUse } from '../../runtime/webgpu/memory-use';
import type { Evaluation } from './evaluation';
import type { Snapshot } from './snapshots';

/** One step, as it is reported and recorded; once each, however often a loss makes it run again. */
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

/** One stage of a plan that a run computes with. */
export interface StageRecord {
  readonly engine: PipelineStage['engine'];
  readonly device: string;
  readonly units: readonly [first: string, last: string];
  readonly memoryBytes: number;
  /** What of it is for what, to the byte; null for the CPU engine, whose runtime allocates. */
  readonly memory: MemoryUse | null;
  /** Units whose activations are computed once more in the backward instead of kept. */
  readonly recompute: readonly string[];
  /** How activations and their gradients are stored there. */
  readonly precision: Precision;
}

/** What lost workers have cost a run. */
export interface Recoveries {
  /** Times that it went back to a copy because a worker was lost. */
  readonly rollbacks: number;
  /** Steps that were computed again for it. */
  readonly stepsReplayed: number;
}

/** What a run has reported so far. */
export interface Records {
  readonly steps: StepRecord[];
  readonly evaluations: EvaluationRecord[];
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

export interface TrainOutcome extends Recoveries {
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

  constructor(message: string, checkpoint: string, options: ErrorOptions) {
    super(message, options);
    this.checkpoint = checkpoint;
  }
}
