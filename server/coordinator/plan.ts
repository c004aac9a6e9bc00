import { splitAt } from '../../runtime/model/cut';
import { outputShapeOf } from '../../runtime/model/graph';
import { buildResNet } from '../../runtime/model/resnet';
import type { StageAssignment } from '../../runtime/protocol/message';
import type { Action } from '../../runtime/schedule/action';
import { buildSchedule } from '../../runtime/schedule/schedule';
import { validateSchedule } from '../../runtime/schedule/validate';
import type { Shape } from '../../runtime/tensor';
import type { TrainConfig } from './config';

/** Which stage computes what, and in which order. */
export interface PipelinePlan {
  readonly cut: readonly string[];
  readonly assignments: readonly StageAssignment[];
  /** By stage. */
  readonly actions: readonly (readonly Action[])[];
}

/** Plans the stages behind each cut; throws CutError or ShapeError when they can't be. */
export function planPipeline(config: TrainConfig, cut: readonly string[]): PipelinePlan {
  const model = buildResNet(config.model);
  const stages = splitAt(model, cut);
  const numMicroBatches = config.batchSize / config.microBatchSize;
  const actions = buildSchedule(config.schedule, stages.length, numMicroBatches);
  const maxInFlight = validateSchedule(actions, numMicroBatches);
  let inputShape: Shape = [3, config.imageSize, config.imageSize];
  const assignments = stages.map((units, index): StageAssignment => {
    const stageInput = [...inputShape];
    inputShape = outputShapeOf(units, inputShape);
    return {
      index,
      numStages: stages.length,
      model: config.model,
      firstUnit: units[0]?.name ?? '',
      lastUnit: units.at(-1)?.name ?? '',
      inputShape: stageInput,
      microBatchSize: config.microBatchSize,
      numMicroBatches,
      maxInFlight: maxInFlight[index] ?? numMicroBatches,
      splitsBackward: actions[index]?.some(({ kind }) => kind === 'W') ?? true,
      labelSmoothing: config.labelSmoothing,
      optimizer: config.optimizer,
    };
  });
  return { cut, assignments, actions };
}
