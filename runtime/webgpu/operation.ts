import type { PlannedOperation } from './fusion';
import type { Dispatch } from './kernel';
import type { Region } from './memory';
import type { TensorLayout } from './tensor-layout';
import type { Value } from './value';

/** Where an operation's backward half puts the gradient of a value that it read. */
export interface InputGradient extends Value {
  /** False for the first operation that writes it, which overwrites; true for all after it. */
  readonly accumulate: boolean;
}

/**
 * The memory that an operation works on.
 *
 * How long memory lives is not declared but seen (`lifetimes.ts`): memory that a pass binds for
 * reading first, an earlier pass of the same micro-batch has left there, and each micro-batch in
 * flight has its own. Memory that every pass binds as mutable first is begun anew each time and
 * shared by all.
 */
export interface OperationContext {
  /** An activation of the unit. */
  value(name: string): Value;
  /** The gradient of the operation's output, complete. */
  outputGradient(name: string): Value;
  /**
   * Where to write, or add, the gradient of a value that the operation read; undefined when nobody
   * wants it. Call it once for each contribution, in the order of the dispatches.
   */
  inputGradient(name: string): InputGradient | undefined;
  /** A parameter or running statistic, in its {@link TensorLayout}. */
  tensor(name: string): Region;
  /** The summed gradient of a parameter, to be added to. */
  tensorGradient(name: string): Region;
  /** Memory of the operation's own: the same region in every pass for the same label. */
  buffer(label: string, bytes: number): Region;
}

/** What turns an operation of the graph into kernel runs. */
export interface OperationModule<Kind extends PlannedOperation> {
  /** How the operation's parameters and running statistics lie in GPU memory, by name. */
  tensors?(operation: Kind): ReadonlyMap<string, TensorLayout>;
  /** Forward in training. */
  forward(operation: Kind, context: OperationContext): readonly Dispatch[];
  /** Forward with running statistics; as `forward` where absent. */
  evaluate?(operation: Kind, context: OperationContext): readonly Dispatch[];
  /**
   * Forward once more from the same input, inside the backward: writes the same output and moves
   * nothing that outlives the micro-batch; as `forward` where absent.
   */
  recompute?(operation: Kind, context: OperationContext): readonly Dispatch[];
  /** Writes or adds the gradients of what the operation read. */
  backwardInput(operation: Kind, context: OperationContext): readonly Dispatch[];
  /** Adds the gradients of the parameters. */
  backwardWeight?(operation: Kind, context: OperationContext): readonly Dispatch[];
}
