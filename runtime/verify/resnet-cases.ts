import type { Precision } from '../engine';
import { inferShapes } from '../model/graph';
import { buildResNet, defaultStem, type Architecture } from '../model/resnet';
import { sameShape, type Shape } from '../tensor';
import type { VerificationCase } from './case';
import { operationCase, type PlacedOperation } from './operation-case';

/** A network at a picture size and a batch. */
export interface Setting {
  readonly architecture: Architecture;
  readonly imageSize: number;
  readonly batch: number;
  readonly numClasses: number;
}

/** One case for each distinct operation and shape in these networks. */
export function resnetCases(
  settings: readonly Setting[],
  precision: Precision = 'f32',
): VerificationCase[] {
  const found = new Map<string, VerificationCase>();
  for (const placed of settings.flatMap(operationsOf)) {
    const made = operationCase(placed, { precision });
    const key = `${made.op}, ${made.shape}`;
    if (!found.has(key)) found.set(key, made);
  }
  return [...found.values()];
}

function operationsOf({
  architecture,
  imageSize,
  batch,
  numClasses,
}: Setting): readonly PlacedOperation[] {
  const { units } = buildResNet({
    architecture,
    numClasses,
    stem: defaultStem(architecture),
  });
  const placed: PlacedOperation[] = [];
  let inputShape: Shape = [3, imageSize, imageSize];
  for (const unit of units) {
    const shapes = inferShapes(unit, inputShape);
    const shapeOf = (name: string): Shape => shapes.get(name) ?? [];
    for (const operation of unit.operations) {
      if (
        operation.kind === 'add' &&
        !sameShape(shapeOf(operation.other), shapeOf(operation.input))
      )
        throw new Error(`${unit.name}: two shapes can't be added`);
      placed.push({ operation, batch, inputShape: shapeOf(operation.input) });
    }
    inputShape = shapeOf(unit.output);
  }
  return placed;
}
