import type { LossResult, OptimizerStep, StageSpec } from '../engine';
import { optimizerSlots, slotName } from '../engine';
import { buffersOf, parametersOf, type Unit } from '../model/graph';
import { expectShape, type NamedTensors, type Shape } from '../tensor';
import { adamw } from './adamw';
import { accumulate, backwardOf, forwardOf, type StepBack } from './operation';
import { sgd } from './sgd';
import { softmaxCrossEntropy } from './softmax-cross-entropy';
import { toFloat32, toFloat64, zeros64, type Tensor64 } from './tensor64';

/** One unit's forward, as its backward needs it. */
interface UnitRecord {
  readonly unit: Unit;
  readonly inputShape: Shape;
  readonly steps: readonly StepBack[];
}

/**
 * A stage in float64, synchronous and slow: what every engine is compared with. Same calls and
 * same meaning as the StageEngine, but a micro-batch may have any number of samples.
 */
export class ReferenceStage {
  /** Parameters, batch-norm buffers and optimizer slots by name. */
  readonly state = new Map<string, Tensor64>();
  /** Summed since the last optimizer step, by parameter name. */
  readonly gradients = new Map<string, Tensor64>();
  readonly #spec: StageSpec;
  readonly #records = new Map<number, { units: UnitRecord[]; lossGradient?: Tensor64 }>();

  /** @throws ShapeError when `state` lacks a parameter or buffer, or holds it in another shape */
  constructor(spec: StageSpec, state: NamedTensors) {
    this.#spec = spec;
    const parameters = parametersOf(spec.units);
    for (const { name, shape } of [...parameters, ...buffersOf(spec.units)]) {
      const value = state.get(name);
      expectShape(`reference, ${name}`, shape, value?.shape ?? []);
      if (value) this.state.set(name, toFloat64(value));
    }
    for (const { name, shape } of parameters) {
      this.gradients.set(name, zeros64(shape));
      for (const slot of optimizerSlots(spec.optimizer)) {
        const value = state.get(slotName(slot, name));
        this.state.set(slotName(slot, name), value ? toFloat64(value) : zeros64(shape));
      }
    }
  }

  /** Training forward; updates the running statistics. */
  forward(microBatch: number, input: Tensor64): Tensor64 {
    const units: UnitRecord[] = [];
    const output = this.#spec.units.reduce((value, unit) => {
      const steps: StepBack[] = [];
      units.push({ unit, inputShape: value.shape, steps });
      return this.#unitForward(unit, value, 'training', steps);
    }, input);
    this.#records.set(microBatch, { units });
    return output;
  }

  /** Training forward up to the micro-batch's mean loss and number of correct samples. */
  forwardLoss(microBatch: number, input: Tensor64, labels: Int32Array): LossResult {
    const logits = this.forward(microBatch, input);
    const { labelSmoothing = 0 } = this.#spec.loss ?? {};
    const { loss, correct, gradient } = softmaxCrossEntropy(logits, labels, labelSmoothing);
    const lossGradient = {
      shape: gradient.shape,
      data: gradient.data.map((value) => value / this.#spec.numMicroBatches),
    };
    this.#records.set(microBatch, { units: this.#record(microBatch).units, lossGradient });
    return { loss, correct };
  }

  /**
   * Adds the micro-batch's weight gradients and returns its input gradient.
   * @param outputGradient null where the loss made it
   */
  backward(microBatch: number, outputGradient: Tensor64 | null): Tensor64 {
    const { units, lossGradient } = this.#record(microBatch);
    const seed = outputGradient ?? lossGradient;
    if (!seed) throw new Error(`micro-batch ${microBatch} has neither gradient nor loss`);
    this.#records.delete(microBatch);
    return units.reduceRight(
      (gradient, { unit, inputShape, steps }) =>
        this.#unitBackward(unit, inputShape, steps, gradient),
      seed,
    );
  }

  /** Moves the parameters by the summed gradients and sets those to zero. */
  applyOptimizer({ learningRate, step }: OptimizerStep): void {
    const { optimizer } = this.#spec;
    for (const [name, gradient] of this.gradients) {
      const slot = (kind: string): Tensor64 => this.#tensor(slotName(kind, name));
      if (optimizer.kind === 'adamw') {
        const averages = { expAvg: slot('exp_avg'), expAvgSq: slot('exp_avg_sq') };
        adamw(this.#tensor(name), gradient, averages, optimizer, { learningRate, step });
      } else {
        const buffer = optimizer.momentum === 0 ? undefined : slot('momentum_buffer');
        sgd(this.#tensor(name), gradient, buffer, optimizer, learningRate);
      }
      gradient.data.fill(0);
    }
  }

  /** Forward with running statistics; records nothing. */
  evaluate(input: Tensor64): Tensor64 {
    return this.#spec.units.reduce(
      (value, unit) => this.#unitForward(unit, value, 'evaluation', []),
      input,
    );
  }

  /** The state rounded to float32, as an engine's `exportState` gives it. */
  exportState(): NamedTensors {
    return new Map([...this.state].map(([name, value]) => [name, toFloat32(value)]));
  }

  #unitForward(
    unit: Unit,
    input: Tensor64,
    mode: 'training' | 'evaluation',
    steps: StepBack[],
  ): Tensor64 {
    const values = new Map([['input', input]]);
    const read = (name: string): Tensor64 => found(values, name);
    for (const operation of unit.operations) {
      const state = (name: string): Tensor64 => this.#tensor(name);
      const { output, step } = forwardOf(operation, read, state, mode);
      values.set(operation.output, output);
      steps.push(step);
    }
    return read(unit.output);
  }

  /** Values that several operations read get the sum of their gradients. */
  #unitBackward(
    unit: Unit,
    inputShape: Shape,
    steps: readonly StepBack[],
    outputGradient: Tensor64,
  ): Tensor64 {
    const gradients = new Map<string, Tensor64>();
    accumulate(gradients, unit.output, outputGradient);
    for (const step of steps.toReversed()) {
      const outgoing = gradients.get(step.operation.output);
      if (!outgoing) continue;
      const { inputs, parameters } = backwardOf(step, outgoing, (name) => this.#tensor(name));
      for (const [name, gradient] of inputs) accumulate(gradients, name, gradient);
      for (const [name, gradient] of parameters) accumulate(this.gradients, name, gradient);
    }
    return gradients.get('input') ?? zeros64(inputShape);
  }

  #record(microBatch: number): { units: UnitRecord[]; lossGradient?: Tensor64 } {
    return found(this.#records, microBatch);
  }

  #tensor(name: string): Tensor64 {
    return found(this.state, name);
  }
}

function found<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key);
  if (value === undefined) throw new Error(`the reference stage has no '${String(key)}'`);
  return value;
}
