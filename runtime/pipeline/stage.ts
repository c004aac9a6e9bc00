import type { DeviceMemory, Precision, StageEngine } from '../engine';
import type { StageAssignment } from '../protocol/message';
import type { Action } from '../schedule/action';
import { expectShape, type NamedTensors, type Tensor } from '../tensor';
import { planStage, type PlannedStage } from './assignment';
import { Mailbox } from './mailbox';
import { runStage, type StepReport } from './stage-runner';

/** A tensor on its way between two stages. */
export type Transfer =
  | {
      readonly kind: 'activation' | 'gradient' | 'output';
      readonly step: number;
      readonly microBatch: number;
      readonly tensor: Tensor;
    }
  | {
      readonly kind: 'labels';
      readonly step: number;
      readonly microBatch: number;
      readonly labels: Int32Array;
    };

export interface StepRequest {
  readonly step: number;
  readonly actions: readonly Action[];
  readonly learningRate: number;
}

export type { StepReport };

/**
 * One stage of the pipeline, wherever it computes. What it makes for its neighbours goes to
 * `onSend`; what they make for it comes through `deliver`.
 */
export interface PipelineStage {
  readonly engine: StageEngine['kind'];
  readonly device: string;
  /** What the device has for a stage; absent where that is main memory, or not said. */
  readonly memory?: DeviceMemory | undefined;
  /** How the device can store activations; as f32 alone where absent. */
  readonly precisions?: readonly Precision[] | undefined;
  onSend: (transfer: Transfer) => void;
  /** Allocates the stage; resolves to the bytes that it holds. */
  prepare(assignment: StageAssignment): Promise<number>;
  /** Takes its part of the state as it was after `step` steps of `totalSteps` in the run. */
  load(state: NamedTensors, step: number, totalSteps: number): Promise<void>;
  step(request: StepRequest): Promise<StepReport>;
  /** Forward with running statistics; each result goes to `onSend` as an `output`. */
  evaluate(step: number, numMicroBatches: number): Promise<void>;
  exportState(step: number): Promise<NamedTensors>;
  deliver(transfer: Transfer): void;
  /** Ends what is waited for with the error; the stage can be prepared again. */
  abort(error: Error): void;
}

/** A stage that was not prepared was asked to compute. */
export class NotPreparedError extends Error {
  override readonly name = 'NotPreparedError';
}

/** A stage on an engine in this process (or in a thread of it). */
export class LocalStage implements PipelineStage {
  onSend: (transfer: Transfer) => void = () => undefined;
  readonly #engine: StageEngine;
  #plan: PlannedStage | undefined;
  #tensors = new Mailbox<Tensor>();
  #labels = new Mailbox<Int32Array>();

  constructor(engine: StageEngine) {
    this.#engine = engine;
  }

  get engine(): StageEngine['kind'] {
    return this.#engine.kind;
  }

  get device(): string {
    return this.#engine.device;
  }

  get memory(): DeviceMemory | undefined {
    return this.#engine.memory;
  }

  get precisions(): readonly Precision[] | undefined {
    return this.#engine.precisions;
  }

  async prepare(assignment: StageAssignment): Promise<number> {
    this.abort(new Error('the stage was given other units'));
    this.#plan = planStage(assignment);
    this.#tensors = new Mailbox();
    this.#labels = new Mailbox();
    await this.#engine.load(this.#plan.spec);
    return this.#engine.memoryBytes();
  }

  load(state: NamedTensors): Promise<void> {
    return this.#engine.importState(state);
  }

  async step({ step, actions, learningRate }: StepRequest): Promise<StepReport> {
    const { isLast } = this.#prepared();
    const sendLive = this.#sender();
    const send = (kind: 'activation' | 'gradient', microBatch: number, tensor: Tensor): void => {
      sendLive({ kind, step, microBatch, tensor });
    };
    return await runStage(
      this.#engine,
      { actions, isLast, learningRate, step },
      {
        activation: (microBatch) => this.#tensors.take(key('activation', step, microBatch)),
        gradient: (microBatch) => this.#tensors.take(key('gradient', step, microBatch)),
        labels: (microBatch) => this.#labels.take(key('labels', step, microBatch)),
        sendActivation: (microBatch, tensor) => send('activation', microBatch, tensor),
        sendGradient: (microBatch, tensor) => send('gradient', microBatch, tensor),
      },
    );
  }

  async evaluate(step: number, numMicroBatches: number): Promise<void> {
    this.#prepared();
    const send = this.#sender();
    let sent: Promise<void> = Promise.resolve();
    for (let microBatch = 0; microBatch < numMicroBatches; microBatch++) {
      const input = await this.#tensors.take(key('activation', step, microBatch));
      const output = this.#engine.evaluate(input);
      // One call ahead: the next input is on its way to the engine while this one computes.
      await sent;
      sent = output.then((tensor) => {
        send({ kind: 'output', step, microBatch, tensor });
      });
      // Awaited one round later; without this a failure in between counts as unhandled.
      sent.catch(() => undefined);
    }
    await sent;
  }

  exportState(): Promise<NamedTensors> {
    this.#prepared();
    return this.#engine.exportState();
  }

  /** Throws ShapeError when a tensor is not what the stage's boundary needs. */
  deliver(transfer: Transfer): void {
    const { kind, step, microBatch } = transfer;
    expectBoundaryShape(this.#prepared(), transfer, 'in');
    const name = key(kind, step, microBatch);
    if (transfer.kind === 'labels') this.#labels.put(name, transfer.labels);
    else this.#tensors.put(name, transfer.tensor);
  }

  abort(error: Error): void {
    this.#tensors.close(error);
    this.#labels.close(error);
  }

  /**
   * Sends until the stage is aborted or prepared anew. What the engine still had in hand then comes
   * out later, when `onSend` may lead into another pipeline that counts the same steps.
   */
  #sender(): (transfer: Transfer) => void {
    const tensors = this.#tensors;
    return (transfer) => {
      if (!tensors.isClosed) this.onSend(transfer);
    };
  }

  #prepared(): PlannedStage {
    if (!this.#plan) throw new NotPreparedError('expected a prepared stage, got none yet');
    return this.#plan;
  }
}

function key(kind: Transfer['kind'], step: number, microBatch: number): string {
  return `${kind} of step ${step}, micro-batch ${microBatch}`;
}

/**
 * Checks what a stage takes (`in`) or makes (`out`) against the shapes of its two boundaries.
 * @throws ShapeError naming the stage, the step and the micro-batch
 */
export function expectBoundaryShape(
  plan: PlannedStage,
  transfer: Transfer,
  direction: 'in' | 'out',
): void {
  const { kind, step, microBatch } = transfer;
  const place = `stage ${plan.units}, step ${step}, micro-batch ${microBatch}: ${kind}`;
  if (transfer.kind === 'labels') {
    expectShape(place, plan.input.slice(0, 1), [transfer.labels.length]);
    return;
  }
  // Gradients run against activations: each crosses the boundary that the other leaves alone.
  const isBehind = (kind === 'gradient') === (direction === 'in');
  expectShape(place, isBehind ? plan.output : plan.input, transfer.tensor.shape);
}
