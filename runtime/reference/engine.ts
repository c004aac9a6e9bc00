import type { LossResult, OptimizerStep, StageEngine, StageSpec } from '../engine';
import { EngineOrderError, optimizerSlots } from '../engine';
import { buffersOf, parametersOf } from '../model/graph';
import { elementCount, type NamedTensors, type Shape, type Tensor } from '../tensor';
import { ReferenceStage } from './stage';
import { toFloat32, toFloat64 } from './tensor64';

/**
 * The reference as an engine: float64 inside, float32 at its borders, and slow. A page without
 * WebGPU can join with it, to show that everything but the graphics processor works.
 */
export class ReferenceEngine implements StageEngine {
  readonly kind = 'cpu';
  readonly device = 'float64 reference in JavaScript';
  #spec: StageSpec | undefined;
  #stage: ReferenceStage | undefined;

  load(spec: StageSpec): Promise<void> {
    this.#spec = spec;
    this.#stage = undefined;
    return Promise.resolve();
  }

  importState(state: NamedTensors): Promise<void> {
    return this.#now(() => {
      if (!this.#spec) throw new EngineOrderError('importState: expected load before it');
      this.#stage = new ReferenceStage(this.#spec, state);
    });
  }

  exportState(): Promise<NamedTensors> {
    return this.#now(() => this.#loaded().exportState());
  }

  exportGradients(): Promise<NamedTensors> {
    return this.#now(() => {
      const gradients = [...this.#loaded().gradients];
      return new Map(gradients.map(([name, gradient]) => [name, toFloat32(gradient)]));
    });
  }

  forward(microBatch: number, input: Tensor): Promise<Tensor> {
    return this.#now(() => toFloat32(this.#loaded().forward(microBatch, toFloat64(input))));
  }

  forwardLoss(microBatch: number, input: Tensor, labels: Int32Array): Promise<LossResult> {
    return this.#now(() => this.#loaded().forwardLoss(microBatch, toFloat64(input), labels));
  }

  /** The reference has no halves: weight gradients are added here. */
  backwardInput(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null> {
    return this.backward(microBatch, outputGradient);
  }

  backwardWeight(): Promise<void> {
    return Promise.resolve();
  }

  backward(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null> {
    return this.#now(() => {
      const gradient = outputGradient && toFloat64(outputGradient);
      const input = this.#loaded().backward(microBatch, gradient);
      return this.#spec?.needsInputGradient ? toFloat32(input) : null;
    });
  }

  applyOptimizer(step: OptimizerStep): Promise<void> {
    return this.#now(() => this.#loaded().applyOptimizer(step));
  }

  evaluate(input: Tensor): Promise<Tensor> {
    return this.#now(() => toFloat32(this.#loaded().evaluate(toFloat64(input))));
  }

  /** Of state and gradients; activations are the garbage collector's. */
  memoryBytes(): number {
    if (!this.#spec) return 0;
    const { units, optimizer } = this.#spec;
    const bytes = (tensors: readonly { readonly shape: Shape }[]): number =>
      tensors.reduce((sum, { shape }) => sum + 8 * elementCount(shape), 0);
    const copies = 2 + optimizerSlots(optimizer).length;
    return copies * bytes(parametersOf(units)) + bytes(buffersOf(units));
  }

  dispose(): Promise<void> {
    this.#spec = undefined;
    this.#stage = undefined;
    return Promise.resolve();
  }

  #now<Result>(call: () => Result): Promise<Result> {
    return new Promise((resolve) => resolve(call()));
  }

  #loaded(): ReferenceStage {
    if (!this.#stage) throw new EngineOrderError('expected load and importState before it');
    return this.#stage;
  }
}
