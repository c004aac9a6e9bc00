import { inferShapes, type Unit } from '../model/graph';
import { ShapeError, type Shape } from '../tensor';
import { fuse, type PlannedOperation } from './fusion';
import type { OperationModule } from './operation';
import { operationModules, type OperationModules } from './operations';

/** An operation of the stage, in the order in which forward runs them. */
export interface Step {
  readonly index: number;
  readonly unit: Unit;
  readonly operation: PlannedOperation;
  readonly module: OperationModule<PlannedOperation>;
}

/** The units of a stage as one graph: a unit's `input` is the output of the unit before. */
export class StageGraph {
  readonly steps: readonly Step[];
  /** The same steps, by unit. */
  readonly units: readonly (readonly Step[])[];
  /** The keys of the stage's own input and output; a key names a value within the stage. */
  readonly input = 'input';
  readonly output: string;
  /** The keys of what the units read. */
  readonly unitInputs: ReadonlySet<string>;
  readonly #keys = new Map<Unit, ReadonlyMap<string, string>>();
  readonly #shapes = new Map<string, Shape>();

  /** @throws ShapeError when the units don't fit together or the input */
  constructor(
    units: readonly Unit[],
    inputShape: Shape,
    modules: OperationModules = operationModules,
  ) {
    this.#shapes.set(this.input, inputShape);
    let key: string = this.input;
    const unitInputs = new Set<string>();
    for (const unit of units) {
      const shapes = inferShapes(unit, this.shapeOf(key));
      unitInputs.add(key);
      const keys = new Map<string, string>();
      for (const [name, shape] of shapes) {
        keys.set(name, name === 'input' ? key : `${unit.name}/${name}`);
        this.#shapes.set(keys.get(name) ?? '', shape);
      }
      this.#keys.set(unit, keys);
      key = this.keyOf(unit, unit.output);
    }
    this.output = key;
    this.unitInputs = unitInputs;
    this.steps = units
      .flatMap((unit) => fuse(unit).map((operation) => ({ unit, operation })))
      .map(({ unit, operation }, index) => ({
        index,
        unit,
        operation,
        module: modules[operation.kind],
      }));
    this.units = units.map((unit) => this.steps.filter((step) => step.unit === unit));
  }

  /** The key of a value that a unit calls `name`. */
  keyOf(unit: Unit, name: string): string {
    const key = this.#keys.get(unit)?.get(name);
    if (key === undefined) throw new ShapeError(`unit ${unit.name} has no value '${name}'`);
    return key;
  }

  /** Without the batch axis. */
  shapeOf(key: string): Shape {
    const shape = this.#shapes.get(key);
    if (!shape) throw new ShapeError(`the stage has no value '${key}'`);
    return shape;
  }
}
