import type { StageEngine } from '../../runtime/engine';
import type { Unit } from '../../runtime/model/graph';
import { planStage } from '../../runtime/pipeline/assignment';
import { stateOf } from '../../runtime/pipeline/stage-state';
import { fromWire, toWire } from '../../runtime/pipeline/transfer';
import type {
  PipelineStage,
  StepReport,
  StepRequest,
  Transfer,
} from '../../runtime/pipeline/stage';
import type { Connection } from '../../runtime/protocol/connection';
import { ProtocolError } from '../../runtime/protocol/error';
import type { WireTensor } from '../../runtime/protocol/frame';
import {
  type HostMessage,
  type StageAssignment,
  type WorkerMessage,
} from '../../runtime/protocol/message';
import { manifestOf, stateFrames, StateReceiver } from '../../runtime/protocol/state-transfer';
import { formatAction } from '../../runtime/schedule/action';
import type { NamedTensors } from '../../runtime/tensor';
import { Reply } from './reply';

type Hello = Extract<WorkerMessage, { type: 'hello' }>;

/** A worker went away or failed; names it and says why. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError';
}

/** The host's end of one worker: a pipeline stage that computes elsewhere. */
export class RemoteWorker implements PipelineStage {
  readonly id: string;
  readonly engine: StageEngine['kind'];
  readonly device: string;
  /** Resolves when the worker is gone, with the reason. */
  readonly gone: Promise<WorkerLostError>;
  onSend: (transfer: Transfer) => void = () => undefined;
  readonly #connection: Connection<HostMessage, WorkerMessage>;
  /** Of the run, for the page's progress; null when it has no fixed end. */
  totalSteps: number | null = null;
  #reportGone: (error: WorkerLostError) => void = () => undefined;
  #lost: WorkerLostError | undefined;
  #plan = 0;
  #units: readonly Unit[] = [];
  /** Frames are dropped from `prepare` to `ready`: they belong to the stage before. */
  #takesTransfers = false;
  #preparation: { readonly key: string; readonly bytes: Promise<number> } | undefined;
  readonly #prepared = new Reply<number>();
  readonly #ready = new Reply<void>();
  readonly #stepDone = new Reply<StepReport>();
  readonly #exported = new Reply<NamedTensors>();
  readonly #evaluated = new Reply<void>();
  #outputsToCome = 0;
  #incoming: StateReceiver | undefined;

  constructor(id: string, hello: Hello, connection: Connection<HostMessage, WorkerMessage>) {
    this.id = id;
    this.engine = hello.engine;
    this.device = hello.device;
    this.#connection = connection;
    this.gone = new Promise((resolve) => (this.#reportGone = resolve));
  }

  get isConnected(): boolean {
    return this.#lost === undefined;
  }

  get bytesSent(): number {
    return this.#connection.bytesSent;
  }

  get bytesReceived(): number {
    return this.#connection.bytesReceived;
  }

  /** Tells the worker that there is nothing for it to do, in words for its page. */
  idle(why: string): void {
    this.#takesTransfers = false;
    this.#preparation = undefined;
    this.#connection.send({ type: 'idle', why });
  }

  /** Tells the worker that the run is over. */
  finish(message: string): void {
    this.#connection.send({ type: 'finished', message });
  }

  /** Allocates the stage; asked again for the same assignment it answers from the first time. */
  prepare(assignment: StageAssignment): Promise<number> {
    const key = JSON.stringify(assignment);
    if (this.#preparation?.key !== key) {
      const bytes = this.#prepare(assignment);
      // It may be asked for ahead of time, with nobody waiting yet.
      bytes.catch(() => undefined);
      this.#preparation = { key, bytes };
    }
    return this.#preparation.bytes;
  }

  async load(state: NamedTensors, step: number): Promise<void> {
    const ready = this.#ready.expect(this.#lost);
    const plan = this.#plan;
    const part = stateOf(this.#units, state);
    const { totalSteps } = this;
    this.#connection.send({ type: 'load', plan, step, totalSteps, manifest: manifestOf(part) });
    for (const tensor of stateFrames(part, step)) this.#sendTensor(tensor);
    await ready;
  }

  step({ step, actions, learningRate }: StepRequest): Promise<StepReport> {
    const done = this.#stepDone.expect(this.#lost);
    const list = actions.map(formatAction);
    this.#connection.send({ type: 'step', step, actions: list, learningRate });
    return done;
  }

  evaluate(step: number, numMicroBatches: number): Promise<void> {
    const done = this.#evaluated.expect(this.#lost);
    this.#outputsToCome = numMicroBatches;
    this.#connection.send({ type: 'evaluate', step, numMicroBatches });
    return done;
  }

  exportState(step: number): Promise<NamedTensors> {
    const exported = this.#exported.expect(this.#lost);
    this.#connection.send({ type: 'export', step });
    return exported;
  }

  deliver(transfer: Transfer): void {
    this.#sendTensor(toWire(transfer));
  }

  abort(error: Error): void {
    this.#takesTransfers = false;
    this.#preparation = undefined;
    for (const reply of [this.#prepared, this.#ready, this.#stepDone]) reply.reject(error);
    this.#exported.reject(error);
    this.#evaluated.reject(error);
  }

  /** Takes a message of the worker; throws ProtocolError for one that nobody waits for. */
  take(message: WorkerMessage): void {
    switch (message.type) {
      case 'hello':
        throw new ProtocolError('unexpected', 'expected one hello, got a second');
      case 'prepared':
        if (message.plan === this.#plan) this.#prepared.resolve(message.memoryBytes);
        break;
      case 'ready':
        if (message.plan !== this.#plan) break;
        this.#takesTransfers = true;
        this.#ready.resolve();
        break;
      case 'step-done': {
        const results = message.results.map(({ loss, correct }) => ({
          loss: loss ?? Number.NaN,
          correct,
        }));
        this.#stepDone.resolve({ results, computeMs: message.computeMs });
        break;
      }
      case 'state':
        this.#incoming = new StateReceiver(message.step, message.manifest);
        break;
      case 'failed':
        this.lose(`it failed (${message.reason}): ${message.message}`);
        break;
      case 'leave':
        this.lose(message.message);
        break;
    }
  }

  takeTensor(tensor: WireTensor): void {
    if (tensor.kind === 'state') {
      this.#incoming?.add(tensor);
      if (this.#incoming?.isComplete) {
        this.#exported.resolve(this.#incoming.state());
        this.#incoming = undefined;
      }
      return;
    }
    if (!this.#takesTransfers) return;
    const transfer = fromWire(tensor);
    this.onSend(transfer);
    if (transfer.kind === 'output' && --this.#outputsToCome === 0) this.#evaluated.resolve();
  }

  async #prepare(assignment: StageAssignment): Promise<number> {
    this.#takesTransfers = false;
    this.#units = planStage(assignment).spec.units;
    await this.#connection.drained();
    const prepared = this.#prepared.expect(this.#lost);
    this.#connection.send({ type: 'prepare', plan: ++this.#plan, stage: assignment });
    return prepared;
  }

  #sendTensor(tensor: WireTensor): void {
    this.#connection.sendTensor(tensor).catch((error: unknown) => {
      this.lose(error instanceof Error ? error.message : String(error));
    });
  }

  /** Marks the worker as gone; everything that waits for it gets the error. */
  lose(reason: string): void {
    if (this.#lost) return;
    this.#lost = new WorkerLostError(`worker ${this.id} (${this.device}) is gone: ${reason}`);
    this.abort(this.#lost);
    this.#connection.close(this.#lost);
    this.#reportGone(this.#lost);
  }
}
