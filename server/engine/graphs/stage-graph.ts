import type { StageSpec } from '../../../runtime/engine';
import {
  buffersOf,
  inferShapes,
  parametersOf,
  type Operation,
  type Unit,
} from '../../../runtime/model/graph';
import { ShapeError, type Shape } from '../../../runtime/tensor';

/**
 * A stage as one flat list of operations. Values are named across the units, `layer1.0/conv1`; the
 * stage's own input is `input`.
 */
export interface StageGraph {
  readonly operations: readonly Operation[];
  /** By the value that each writes. */
  readonly producers: ReadonlyMap<string, Operation>;
  readonly output: string;
  /** Of every value, batch axis first. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Of every parameter and buffer. */
  readonly stateShapes: ReadonlyMap<string, Shape>;
  /** Of the blocked layout; undefined for standard operators alone. */
  readonly blockSize: number | undefined;
}

export const stageInput = 'input';

/** @throws ShapeError when an operation can't take what reaches it */
export function stageGraph(
  { units, inputShape }: Pick<StageSpec, 'units' | 'inputShape'>,
  samples: number,
  blockSize?: number,
): StageGraph {
  const operations: Operation[] = [];
  const shapes = new Map<string, Shape>([[stageInput, [samples, ...inputShape]]]);
  let output = stageInput;
  for (const unit of units) {
    const unitInput = output;
    const rename = (value: string): string =>
      value === 'input' ? unitInput : `${unit.name}/${value}`;
    const [, ...unitInputShape] = shapes.get(unitInput) ?? [];
    for (const [value, shape] of inferShapes(unit, unitInputShape)) {
      shapes.set(rename(value), [samples, ...shape]);
    }
    operations.push(...unit.operations.map((operation) => renamed(operation, rename)));
    output = rename(unit.output);
  }
  const producers = new Map(operations.map((operation) => [operation.output, operation]));
  return { operations, producers, output, shapes, stateShapes: stateShapesOf(units), blockSize };
}

export function shapeOf(graph: StageGraph, value: string): Shape {
  const shape = graph.shapes.get(value);
  if (!shape) throw new ShapeError(`the stage reads '${value}' before anything writes it`);
  return shape;
}

/** The operations that read a value. */
export function readersOf(
  { operations }: Pick<StageGraph, 'operations'>,
  value: string,
): Operation[] {
  return operations.filter(
    (operation) =>
      operation.input === value || (operation.kind === 'add' && operation.other === value),
  );
}

function renamed(operation: Operation, rename: (value: string) => string): Operation {
  const ends = { input: rename(operation.input), output: rename(operation.output) };
  return operation.kind === 'add'
    ? { ...operation, ...ends, other: rename(operation.other) }
    : { ...operation, ...ends };
}

function stateShapesOf(units: readonly Unit[]): Map<string, Shape> {
  const tensors = [...parametersOf(units), ...buffersOf(units)];
  return new Map(tensors.map(({ name, shape }) => [name, shape]));
}
