import { optimizerSlots, slotName, type OptimizerStep, type StageSpec } from '../../runtime/engine';
import { buffersOf, parametersOf, type BatchNorm } from '../../runtime/model/graph';
import {
  elementCount,
  expectShape,
  ShapeError,
  type NamedTensors,
  type Shape,
} from '../../runtime/tensor';
import { FoldedWeights } from './folded-weights';
import { foldedConvolutions } from './graphs/folding';
import { orderedName } from './graphs/names';
import { stageGraph } from './graphs/stage-graph';
import { blockWeights, unblockWeights } from './onnx/blocked-weights';
import { forwardWeightOrder } from './operations/convolution';
import { optimize } from './optimizer';
import { OrderedWeights } from './ordered-weights';

interface Held {
  readonly shape: Shape;
  readonly data: Float32Array;
  /** Of a convolution's weights that are kept in the blocked layout, and all that goes with them. */
  readonly blockSize?: number;
}

interface Parameter extends Held {
  readonly slots: ReadonlyMap<string, Float32Array>;
  /** Summed since the last optimizer step; undefined while that is zero. */
  gradient: Float32Array | undefined;
}

/**
 * What a stage keeps from step to step: parameters, buffers, optimizer state, gradients.
 *
 * A convolution's weights are kept in the order in which the forward reads them, and their
 * gradients come in it: the optimizer asks for no order, and nothing is reordered for the forward.
 */
export class StageState {
  readonly #spec: StageSpec;
  readonly #parameters = new Map<string, Parameter>();
  /** Parameters that are kept in blocks, by the names under which graphs read them. */
  readonly #inBlocks = new Map<string, Parameter>();
  readonly #buffers = new Map<string, Held>();
  readonly #orderedWeights: OrderedWeights;
  readonly #foldedWeights: FoldedWeights;

  /** @param blockSize of the blocked layout; undefined for standard operators alone */
  constructor(spec: StageSpec, blockSize: number | undefined) {
    this.#spec = spec;
    const { operations } = stageGraph(spec, spec.microBatchSize);
    const convolutions = operations.filter((operation) => operation.kind === 'convolution');
    const orders = new Map(
      convolutions.map((one) => [one.weight, forwardWeightOrder(one, blockSize)]),
    );
    for (const { name, shape } of parametersOf(spec.units)) {
      const slots = optimizerSlots(spec.optimizer).map((slot) => [slot, floats(shape)] as const);
      const values = { shape, data: floats(shape), slots: new Map(slots), gradient: undefined };
      const order = orders.get(name);
      if (order?.blockSize === undefined) {
        this.#parameters.set(name, values);
      } else {
        const parameter = { ...values, blockSize: order.blockSize };
        this.#parameters.set(name, parameter);
        this.#inBlocks.set(orderedName(name, order), parameter);
      }
    }
    for (const { name, shape } of buffersOf(spec.units)) {
      this.#buffers.set(name, { shape, data: floats(shape) });
    }
    this.#orderedWeights = new OrderedWeights(convolutions, blockSize);
    this.#foldedWeights = new FoldedWeights(foldedConvolutions(operations).values(), blockSize);
  }

  /** Values that a graph reads, not a copy: a parameter, a buffer, or weights reordered or folded. */
  values(name: string): Float32Array | undefined {
    const parameter = this.#parameters.get(name);
    if (parameter && parameter.blockSize === undefined) return parameter.data;
    return (
      (this.#inBlocks.get(name) ?? this.#buffers.get(name))?.data ??
      this.#orderedWeights.get(name, (weight) => this.#parameters.get(weight)?.data) ??
      this.#foldedWeights.get(name, (tensor) => {
        const held = this.#parameters.get(tensor) ?? this.#buffers.get(tensor);
        if (!held) throw new Error(`expected the stage to have '${tensor}', got no such tensor`);
        return inPlainOrder(held, held.data);
      })
    );
  }

  /** @throws ShapeError for a missing tensor or a wrong shape, before anything is changed */
  import(state: NamedTensors): void {
    const copies: (() => void)[] = [];
    const take = (name: string, held: Held, isNeeded: boolean): void => {
      const { shape, data } = held;
      const given = state.get(name);
      if (given) {
        expectShape(`importState, ${name}`, shape, given.shape);
        copies.push(() => {
          putInKeptOrder(held, given.data);
        });
      } else if (isNeeded) {
        throw new ShapeError(`importState: expected '${name}', got a state without it`);
      } else {
        copies.push(() => data.fill(0));
      }
    };
    for (const [name, held] of [...this.#parameters, ...this.#buffers]) take(name, held, true);
    for (const [name, parameter] of this.#parameters) {
      for (const [slot, data] of parameter.slots) {
        take(slotName(slot, name), { ...parameter, data }, false);
      }
    }
    for (const copy of copies) copy();
    this.#orderedWeights.drop();
    this.#foldedWeights.drop();
    this.dropGradients();
  }

  export(): NamedTensors {
    const state: NamedTensors = new Map();
    for (const [name, held] of [...this.#parameters, ...this.#buffers]) {
      state.set(name, { shape: held.shape, data: copyInPlainOrder(held, held.data) });
    }
    for (const [name, parameter] of this.#parameters) {
      const { shape, slots } = parameter;
      for (const [slot, data] of slots) {
        state.set(slotName(slot, name), { shape, data: copyInPlainOrder(parameter, data) });
      }
    }
    return state;
  }

  exportGradients(): NamedTensors {
    const gradients: NamedTensors = new Map();
    for (const [name, parameter] of this.#parameters) {
      const { shape, gradient } = parameter;
      const data = gradient ? copyInPlainOrder(parameter, gradient) : floats(shape);
      gradients.set(name, { shape, data });
    }
    return gradients;
  }

  /** Adds one micro-batch's gradient, in the order of the parameter; the array becomes the state's own. */
  addGradient(name: string, gradient: Float32Array): void {
    const parameter = this.#parameters.get(name);
    if (!parameter) throw new Error(`expected a parameter of the stage, got '${name}'`);
    const sum = parameter.gradient;
    if (!sum) {
      parameter.gradient = gradient;
      return;
    }
    for (let index = 0; index < sum.length; index++) {
      sum[index] = (sum[index] ?? 0) + (gradient[index] ?? 0);
    }
  }

  dropGradients(): void {
    for (const parameter of this.#parameters.values()) parameter.gradient = undefined;
  }

  applyOptimizer(step: OptimizerStep): void {
    for (const { shape, data, slots, gradient } of this.#parameters.values()) {
      const tensors = { parameter: data, gradient: gradient ?? floats(shape), slots };
      optimize(this.#spec.optimizer, step, tensors);
    }
    this.dropGradients();
    this.#orderedWeights.drop();
    this.#foldedWeights.drop();
  }

  /** running += momentum (batch - running), the variance unbiased; `count` values a channel. */
  updateStatistics(
    { momentum, runningMean, runningVar }: BatchNorm,
    mean: Float32Array,
    variance: Float32Array,
    count: number,
  ): void {
    this.#foldedWeights.drop();
    const unbiased = count / (count - 1);
    move(this.values(runningMean), mean, 1, momentum);
    move(this.values(runningVar), variance, unbiased, momentum);
  }

  /** Parameters, gradients, optimizer state, buffers, and the weights reordered or folded. */
  bytes(): number {
    const perParameter = 2 + optimizerSlots(this.#spec.optimizer).length;
    const parameters = [...this.#parameters.values()].map(({ data }) => data.byteLength);
    const buffers = [...this.#buffers.values()].map(({ data }) => data.byteLength);
    const derived = this.#orderedWeights.bytes() + this.#foldedWeights.bytes();
    return perParameter * total(parameters) + total(buffers) + derived;
  }
}

/** Shape (O, I, k, k) for weights that are kept in blocks; the others are given back as they are. */
function inPlainOrder({ shape, blockSize }: Held, values: Float32Array): Float32Array {
  return blockSize === undefined ? values : unblockWeights(values, shape, blockSize);
}

function copyInPlainOrder(held: Held, values: Float32Array): Float32Array {
  return held.blockSize === undefined ? values.slice() : inPlainOrder(held, values);
}

function putInKeptOrder({ shape, data, blockSize }: Held, values: Float32Array): void {
  if (blockSize === undefined) data.set(values);
  else blockWeights(values, shape, blockSize, data);
}

function move(
  running: Float32Array | undefined,
  batch: Float32Array,
  scale: number,
  momentum: number,
): void {
  running?.forEach((value, channel) => {
    running[channel] = value + momentum * ((batch[channel] ?? 0) * scale - value);
  });
}

function floats(shape: Shape): Float32Array {
  return new Float32Array(elementCount(shape));
}

function total(bytes: readonly number[]): number {
  return bytes.reduce((sum, count) => sum + count, 0);
}
