import { saveCheckpoint } from '../checkpoint/save-checkpoint';
import type { TrainConfig } from '../coordinator/config';
import type { RunFolder } from '../coordinator/run-folder';
import type { Records, TrainerEvents } from '../coordinator/records';
import type { TrainProgress } from './train-progress';

export interface EventTargets {
  readonly config: TrainConfig;
  readonly classes: readonly string[];
  /** Micro-batches that the running statistics had seen before the run. */
  readonly trackedBatches: number;
  readonly folder: RunFolder;
  readonly progress: TrainProgress;
  readonly records: Records;
}

/** Shows, records and keeps what a run reports. */
export function trainEvents(targets: EventTargets): TrainerEvents {
  const { config, classes, trackedBatches, folder, progress, records } = targets;
  const numMicroBatches = config.batchSize / config.microBatchSize;
  return {
    notice: (text) => progress.notice(text),
    plan: (_cut, stages) => progress.plan(stages),
    step: (record) => {
      records.steps.push(record);
      folder.record(record);
      progress.step(record);
    },
    evaluation: (record) => {
      records.evaluations.push(record);
      folder.record(record);
      progress.evaluation(record);
    },
    checkpoint: async ({ state, step }) => {
      await folder.flush();
      return saveCheckpoint(folder.checkpoints, {
        model: config.model,
        state,
        step,
        numBatchesTracked: trackedBatches + step * numMicroBatches,
        metadata: { classes: JSON.stringify(classes), seed: String(config.seed) },
      });
    },
  };
}
