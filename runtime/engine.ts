import type { Unit } from './model/graph';
import type { NamedTensors, Shape, Tensor } from './tensor';

/** PyTorch's `torch.optim.SGD` (no dampening) and `torch.optim.AdamW`, applied to every parameter. */
export type OptimizerConfig =
  | {
      readonly kind: 'sgd';
      readonly momentum: number;
      readonly nesterov: boolean;
      readonly weightDecay: number;
    }
  | {
      readonly kind: 'adamw';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    };

/** What changes from one optimizer step to the next. */
export interface OptimizerStep {
  readonly learningRate: number;
  /** Counts from 1; AdamW's bias correction needs it. */
  readonly step: number;
}

/**
 * How activations and their gradients are stored; all else is f32, and so is every sum. f16 halves
 * the memory and its traffic, for WebGPU with `shader-f16`; the CPU engine stores f32.
 */
export const precisions = ['f32', 'f16'] as const;
export type Precision = (typeof precisions)[number];

/** A contiguous range of units and all that fixes an engine's allocations. */
export interface StageSpec {
  readonly units: readonly Unit[];
  /** Of one sample at the first unit: (C, H, W). */
  readonly inputShape: Shape;
  /** Samples in a micro-batch. */
  readonly microBatchSize: number;
  /** Micro-batches in a step; gradients are those of the mean loss over all of them. */
  readonly numMicroBatches: number;
  /** Micro-batches whose forward has run and whose backward has not, at most. */
  readonly maxInFlight: number;
  /** False at the first stage: nobody waits for the gradient of the pictures. */
  readonly needsInputGradient: boolean;
  /**
   * False where each backward comes whole (`backward`), never in halves: an engine may then share
   * the memory of output gradients among the micro-batches in flight. True where absent.
   */
  readonly splitsBackward?: boolean;
  /**
   * Names of the units that keep of a micro-batch in flight only what they took in, and compute what
   * they made of it once more in the backward: slower by their forward, smaller by most of their
   * activations, and the same to the bit. For WebGPU; the CPU engine keeps everything whatever
   * stands here.
   */
  readonly recompute?: readonly string[];
  /** f32 where absent. */
  readonly precision?: Precision;
  /** At the last stage: softmax cross-entropy on the last unit's output. */
  readonly loss?: { readonly labelSmoothing: number };
  readonly optimizer: OptimizerConfig;
}

/** An engine was called out of turn: before `load`, after `dispose`, a backward before its forward. */
export class EngineOrderError extends Error {
  override readonly name = 'EngineOrderError';
}

/** A label is no class of the network. */
export class LabelError extends Error {
  override readonly name = 'LabelError';
}

/** What a device has for stages. */
export interface DeviceMemory {
  /** The largest single buffer. */
  readonly bufferBytes: number;
  /** All buffers together; absent where nobody knows. */
  readonly totalBytes?: number;
}

/** Loss of one micro-batch: the mean over its samples, and how many were classified right. */
export interface LossResult {
  readonly loss: number;
  readonly correct: number;
}

/**
 * Computes one stage of the network. Calls may be issued without waiting for the ones before; they
 * take effect in the order of the calls. Within a step, micro-batches run in ascending order in
 * each direction, so that gradients are summed in one fixed order.
 *
 * Activations and gradients are (N, C, H, W), or (N, C) behind the pooling, N = microBatchSize.
 */
export interface StageEngine {
  /** `cpu` or `webgpu`. */
  readonly kind: 'cpu' | 'webgpu';
  /** The device, in words. */
  readonly device: string;
  /** What it has for a stage; absent where that is the computer's main memory. */
  readonly memory?: DeviceMemory;
  /** How it can store activations; as f32 alone where absent. */
  readonly precisions?: readonly Precision[];

  /** Allocates all that the stage needs and drops what was loaded before. */
  load(spec: StageSpec): Promise<void>;

  /**
   * Sets parameters, batch-norm buffers and, where given, optimizer state
   * (`optimizer.momentum_buffer.NAME`, `optimizer.exp_avg.NAME`, `optimizer.exp_avg_sq.NAME`;
   * zero where absent). Throws ShapeError for a missing tensor or a wrong shape; names that the
   * stage does not own are ignored.
   */
  importState(state: NamedTensors): Promise<void>;

  /** A copy of all that `importState` takes. */
  exportState(): Promise<NamedTensors>;

  /** A copy of the gradients summed since the last optimizer step, by parameter name. */
  exportGradients(): Promise<NamedTensors>;

  /** Training forward with the micro-batch's own statistics; updates the running statistics. */
  forward(microBatch: number, input: Tensor): Promise<Tensor>;

  /** As `forward`, at the last stage: ends in the loss instead of the logits. */
  forwardLoss(microBatch: number, input: Tensor, labels: Int32Array): Promise<LossResult>;

  /**
   * The gradient that the stage before waits for; null when nobody does.
   * @param outputGradient null at the last stage, where the loss made it
   */
  backwardInput(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null>;

  /** Adds the micro-batch's weight gradients; follows its `backwardInput`. */
  backwardWeight(microBatch: number): Promise<void>;

  /** `backwardInput` and `backwardWeight` as one, with bitwise the same results. */
  backward(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null>;

  /** Moves the parameters by the summed gradients and sets those to zero. */
  applyOptimizer(step: OptimizerStep): Promise<void>;

  /** Forward with running statistics; at the last stage the logits (N, classes). */
  evaluate(input: Tensor): Promise<Tensor>;

  /** Bytes that the stage holds: weights, gradients, optimizer state, activations, workspaces. */
  memoryBytes(): number;

  /** Frees everything; the engine can't be used after. */
  dispose(): Promise<void>;
}

/** The part of an optimizer's state that has a parameter's shape, by PyTorch's names. */
export function optimizerSlots(optimizer: OptimizerConfig): readonly string[] {
  if (optimizer.kind === 'adamw') return ['exp_avg', 'exp_avg_sq'];
  return optimizer.momentum === 0 ? [] : ['momentum_buffer'];
}

/** The name of an optimizer slot's tensor in an engine's state. */
export function slotName(slot: string, parameter: string): string {
  return `optimizer.${slot}.${parameter}`;
}
