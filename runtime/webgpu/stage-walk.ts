import type { Precision } from '../engine';
import type { Dispatch } from './kernel';
import { onlyRead } from './lifetimes';
import { allocate, type Region } from './memory';
import type { InputGradient, OperationContext } from './operation';
import type { StageGraph, Step } from './stage-graph';
import { valueBytes, valueLayout, type Value } from './value';

export interface WalkOptions {
  readonly batch: number;
  readonly precision: Precision;
  /** Whether the gradient of the stage's input is wanted. */
  readonly needsInputGradient: boolean;
  /** Names of the units whose values the backward makes once more, so that none keeps them. */
  readonly recompute: ReadonlySet<string>;
  /** Parameters and running statistics, and the parameters' gradients, by name. */
  readonly tensors: ReadonlyMap<string, Region>;
  readonly tensorGradients: ReadonlyMap<string, Region>;
}

/**
 * Turns a stage's operations into dispatches, one after the other, and gives each value, gradient
 * and workspace that they ask for its memory. Training and evaluation each take a walk of their
 * own, so that an evaluation leaves the activations of training alone.
 */
export class StageWalk {
  readonly #graph: StageGraph;
  readonly #options: WalkOptions;
  readonly #values = new Map<string, Value>();
  readonly #gradients = new Map<string, Value>();
  readonly #buffers = new Map<string, Region>();
  /** Values whose gradient has been written by an operation further back. */
  readonly #written = new Set<string>();

  constructor(graph: StageGraph, options: WalkOptions) {
    this.#graph = graph;
    this.#options = options;
  }

  forward(): Dispatch[] {
    return this.#graph.steps.flatMap((step) =>
      step.module.forward(step.operation, this.#context(step)),
    );
  }

  evaluate(): Dispatch[] {
    return this.#graph.steps.flatMap((step) => {
      const { module, operation } = step;
      const context = this.#context(step);
      return module.evaluate?.(operation, context) ?? module.forward(operation, context);
    });
  }

  /** Starts from the gradient of the stage's output, which something else wrote. */
  backwardInput(): Dispatch[] {
    this.#written.add(this.#graph.output);
    return this.#backwards((step) => this.#inputHalf(step));
  }

  backwardWeight(): Dispatch[] {
    return this.#backwards((step) => this.#weightHalf(step));
  }

  /** Both halves, operation by operation, so that an output gradient is soon needed no more. */
  backward(): Dispatch[] {
    this.#written.add(this.#graph.output);
    return this.#backwards((step) => [...this.#inputHalf(step), ...this.#weightHalf(step)]);
  }

  /** The steps last to first, each unit's behind the values that they read of it. */
  #backwards(dispatchesOf: (step: Step) => readonly Dispatch[]): Dispatch[] {
    return this.#graph.units.toReversed().flatMap((steps) => {
      const backward = steps.toReversed().flatMap(dispatchesOf);
      return [...onlyRead(this.#recomputed(steps), backward), ...backward];
    });
  }

  /** A unit's forward once more, from its input; the input of the unit behind it is there still. */
  #recomputed(steps: readonly Step[]): Dispatch[] {
    const missing = steps.filter(
      ({ unit, operation }) =>
        this.#options.recompute.has(unit.name) &&
        !this.#graph.unitInputs.has(this.#graph.keyOf(unit, operation.output)),
    );
    return missing.flatMap((step) => {
      const { module, operation } = step;
      const context = this.#context(step);
      return module.recompute?.(operation, context) ?? module.forward(operation, context);
    });
  }

  #inputHalf(step: Step): readonly Dispatch[] {
    return step.module.backwardInput(step.operation, this.#context(step));
  }

  #weightHalf(step: Step): readonly Dispatch[] {
    return step.module.backwardWeight?.(step.operation, this.#context(step)) ?? [];
  }

  value(key: string): Value {
    return this.#memory(this.#values, key, key);
  }

  gradient(key: string): Value {
    return this.#memory(this.#gradients, key, `${key}.gradient`);
  }

  #memory(known: Map<string, Value>, key: string, label: string): Value {
    let value = known.get(key);
    if (!value) {
      const { batch, precision } = this.#options;
      const layout = valueLayout(batch, this.#graph.shapeOf(key));
      value = { layout, region: allocate(label, valueBytes(layout, precision)) };
      known.set(key, value);
    }
    return value;
  }

  #context({ index, unit, operation }: Step): OperationContext {
    const { tensors, tensorGradients, needsInputGradient } = this.#options;
    const keyOf = (name: string): string => this.#graph.keyOf(unit, name);
    const owned = (known: ReadonlyMap<string, Region>, name: string): Region => {
      const region = known.get(name);
      if (!region) throw new Error(`unit ${unit.name} owns no tensor '${name}'`);
      return region;
    };
    return {
      value: (name) => this.value(keyOf(name)),
      outputGradient: (name) => {
        const key = keyOf(name);
        if (!this.#written.has(key)) {
          throw new Error(`unit ${unit.name}: nothing reads '${name}', so it has no gradient`);
        }
        return this.gradient(key);
      },
      inputGradient: (name): InputGradient | undefined => {
        const key = keyOf(name);
        if (key === this.#graph.input && !needsInputGradient) return undefined;
        const accumulate = this.#written.has(key);
        this.#written.add(key);
        return { ...this.gradient(key), accumulate };
      },
      tensor: (name) => owned(tensors, name),
      tensorGradient: (name) => owned(tensorGradients, name),
      buffer: (label, bytes) => {
        const key = `${index} ${operation.kind}/${label}`;
        const region = this.#buffers.get(key) ?? allocate(key, bytes);
        this.#buffers.set(key, region);
        return region;
      },
    };
  }
}
