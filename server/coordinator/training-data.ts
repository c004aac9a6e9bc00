import type { Tensor } from '../../runtime/tensor';
import type { MicroBatch } from './pipeline';

/** What the trainer needs of a data set: any step's batch at any time, always the same. */
export interface TrainingData {
  readonly classes: readonly string[];
  readonly stepsPerEpoch: number;
  /** Pictures of the validation split. */
  readonly validationCount: number;
  /** The micro-batches of a step (from 1). */
  batch(step: number): Promise<readonly MicroBatch[]>;
  /** The validation split in fixed order. */
  validation(): AsyncIterable<ValidationBatch>;
}

/** A micro-batch of the validation split; the last one is padded to full size. */
export interface ValidationBatch {
  /** (N, 3, H, W), N = micro-batch size */
  readonly input: Tensor;
  /** Of the real pictures: as many as `count`. */
  readonly labels: Int32Array;
  readonly count: number;
}
