import type { StageSpec } from '../engine';
import { outputShapeOf } from '../model/graph';
import { buildResNet } from '../model/resnet';
import type { StageAssignment } from '../protocol/message';
import { ShapeError, type Shape } from '../tensor';

/** A stage's engine spec, and the shapes of what crosses its two boundaries (batch axis first). */
export interface PlannedStage {
  readonly spec: StageSpec;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly input: Shape;
  readonly output: Shape;
  /** `layer3.0 … head` */
  readonly units: string;
}

/**
 * Builds what an assignment names.
 * @throws ShapeError when the range is no range of the model or the input doesn't fit it
 */
export function planStage(assignment: StageAssignment): PlannedStage {
  const { firstUnit, lastUnit, index, numStages, inputShape, microBatchSize } = assignment;
  const { units } = buildResNet(assignment.model);
  const first = units.findIndex(({ name }) => name === firstUnit);
  const last = units.findIndex(({ name }) => name === lastUnit);
  if (first < 0 || last < first) {
    throw new ShapeError(
      `expected a range of units of ${assignment.model.architecture}, got ${firstUnit} to ${lastUnit}`,
    );
  }
  const range = units.slice(first, last + 1);
  const isFirst = index === 0;
  const isLast = index === numStages - 1;
  const spec: StageSpec = {
    units: range,
    inputShape,
    microBatchSize,
    numMicroBatches: assignment.numMicroBatches,
    maxInFlight: assignment.maxInFlight,
    needsInputGradient: !isFirst,
    ...(assignment.splitsBackward !== undefined && { splitsBackward: assignment.splitsBackward }),
    ...(assignment.recompute !== undefined && { recompute: assignment.recompute }),
    ...(assignment.precision !== undefined && { precision: assignment.precision }),
    optimizer: assignment.optimizer,
    ...(isLast && { loss: { labelSmoothing: assignment.labelSmoothing } }),
  };
  return {
    spec,
    isFirst,
    isLast,
    input: [microBatchSize, ...inputShape],
    output: [microBatchSize, ...outputShapeOf(range, inputShape)],
    units: firstUnit === lastUnit ? firstUnit : `${firstUnit} … ${lastUnit}`,
  };
}
