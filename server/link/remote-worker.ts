import type { StageEngine } from '../../runtime/engine';
import { planStage, type PlannedStage } from '../../runtime/pipeline/assignment';
import { stateOf, stateShapesOf } from '../../runtime/pipeline/stage-state';
import { fromWire, toWire } from '../../runtime/pipeline/transfer';
import {
  NotPreparedError,
  type PipelineStage,
  type StepReport,
  type StepRequest,
  type Transfer,
} from '../../runtime/pipeline/stage';
import type { LinkFacts } from '../../runtime/link/control';
import type { Connection } from '../../runtime/protocol/connection';
import { ProtocolError } from '../../runtime/protocol/error';
import { describeAddress, type WireTensor } from '../../runtime/protocol/frame';
import {
  type HostMessage,
  type StageAssignment,
  type WorkerMessage,
} from '../../runtime/protocol/message';
import {
  expectManifest,
  manifestOf,
  stateFrames,
  StateReceiver,
} from '../../runtime/protocol/state-transfer';
import { formatAction } from '../../runtime/schedule/action';
import type { NamedTensors } from '../../runtime/tensor';
import { OwedTensors } from './owed-tensors';
import { Reply, type Deadline } from './reply';
import { WorkerLostError } from './worker-lost';

type Hello = Extract<WorkerMessage, { type: 'hello' }>;
type StepDone = Extract<WorkerMessage, { type: 'step-done' }>;
type Answer = Exclude<WorkerMessage, { type: 'hello' | 'prove' | 'failed' | 'leave' }>;

/** Longest silence in each phase, in ms; any message but a heartbeat and any tensor ends it. */
export interface AnswerLimits {
  readonly prepareMs: number;
  readonly loadMs: number;
  readonly stepMs: number;
  readonly evaluateMs: number;
  readonly exportMs: number;
}

/**
 * A page that answers heartbeats can still have a GPU that hangs. Allocating and compiling shaders
 * takes a phone seconds; two minutes leave room for one that is slow and warm.
 */
const prepareLimitMs = 120_000;
/**
 * For computing and moving data: far above the slowest tensor of a software renderer or a Wi-Fi
 * link, and above what a neighbour or the data may keep a stage waiting.
 */
const progressLimitMs = 300_000;

const defaultLimits: AnswerLimits = {
  prepareMs: prepareLimitMs,
  loadMs: progressLimitMs,
  stepMs: progressLimitMs,
  evaluateMs: progressLimitMs,
  exportMs: progressLimitMs,
};

/** The host's end of one worker: a pipeline stage that computes elsewhere. */
export class RemoteWorker implements PipelineStage {
  readonly id: string;
  readonly engine: StageEngine['kind'];
  readonly device: string;
  /** The same on every connection of one worker. */
  readonly instance: string;
  /** What carries each direction, where the worker could choose. */
  readonly transport: LinkFacts | undefined;
  readonly memory: Hello['memory'];
  readonly precisions: Hello['precisions'];
  /** Resolves when the worker is gone, with the reason. */
  readonly gone: Promise<WorkerLostError>;
  onSend: (transfer: Transfer) => void = () => undefined;
  readonly #connection: Connection<HostMessage, WorkerMessage>;
  #reportGone: (error: WorkerLostError) => void = () => undefined;
  #lost: WorkerLostError | undefined;
  readonly #limits: AnswerLimits;
  /** Counts stages given and taken away; a `prepared` or `ready` of another one is stale. */
  #plan = 0;
  #planned: PlannedStage | undefined;
  #wasAsked = false;
  /** From the end of a stage to the next one's `prepared`: what comes belongs to the former. */
  #dropsAnswers = false;
  #preparation: { readonly key: string; readonly bytes: Promise<number> } | undefined;
  readonly #prepared = new Reply<number>();
  readonly #ready = new Reply<void>();
  readonly #stepDone = new Reply<StepReport>();
  readonly #exported = new Reply<NamedTensors>();
  readonly #evaluated = new Reply<void>();
  readonly #replies = [
    this.#prepared,
    this.#ready,
    this.#stepDone,
    this.#exported,
    this.#evaluated,
  ] as const;
  #step = 0;
  /** The current step's; it counts as done once its tensors have come as well. */
  #report: StepReport | undefined;
  #owed: OwedTensors | undefined;
  #exportStep = 0;
  #incoming: StateReceiver | undefined;

  constructor(
    id: string,
    hello: Hello,
    connection: Connection<HostMessage, WorkerMessage>,
    limits: AnswerLimits = defaultLimits,
    transport?: LinkFacts,
  ) {
    this.transport = transport;
    this.id = id;
    this.engine = hello.engine;
    this.device = hello.device;
    this.instance = hello.instance;
    this.memory = hello.memory;
    this.precisions = hello.precisions;
    this.#connection = connection;
    this.#limits = limits;
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
    this.abort(new Error(`the stage was taken away: ${why}`));
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

  async load(state: NamedTensors, step: number, totalSteps: number): Promise<void> {
    const { spec, units } = this.#stage();
    const deadline = this.#deadline(`load the state of stage ${units}`, this.#limits.loadMs);
    const ready = this.#ready.expect(this.#lost, deadline);
    const plan = this.#plan;
    const part = stateOf(spec.units, state);
    this.#connection.send({ type: 'load', plan, step, totalSteps, manifest: manifestOf(part) });
    for (const tensor of stateFrames(part, step)) this.#sendTensor(tensor);
    await ready;
  }

  async step({ step, actions, learningRate }: StepRequest): Promise<StepReport> {
    const stage = this.#stage();
    const deadline = this.#deadline(`take step ${step}`, this.#limits.stepMs);
    const done = this.#stepDone.expect(this.#lost, deadline);
    const { numMicroBatches } = stage.spec;
    this.#step = step;
    this.#report = undefined;
    this.#owed = new OwedTensors(stage, { kind: 'step', step, numMicroBatches });
    const list = actions.map(formatAction);
    this.#connection.send({ type: 'step', step, actions: list, learningRate });
    return done;
  }

  async evaluate(step: number, numMicroBatches: number): Promise<void> {
    const stage = this.#stage();
    const what = `evaluate ${numMicroBatches} micro-batches after step ${step}`;
    const done = this.#evaluated.expect(this.#lost, this.#deadline(what, this.#limits.evaluateMs));
    this.#owed = new OwedTensors(stage, { kind: 'evaluate', step, numMicroBatches });
    this.#connection.send({ type: 'evaluate', step, numMicroBatches });
    await done;
  }

  async exportState(step: number): Promise<NamedTensors> {
    this.#stage();
    const deadline = this.#deadline(`send its state after step ${step}`, this.#limits.exportMs);
    const exported = this.#exported.expect(this.#lost, deadline);
    this.#exportStep = step;
    this.#connection.send({ type: 'export', step });
    return exported;
  }

  deliver(transfer: Transfer): void {
    this.#sendTensor(toWire(transfer));
  }

  abort(error: Error): void {
    this.#dropsAnswers = this.#wasAsked;
    this.#plan++;
    this.#planned = undefined;
    this.#preparation = undefined;
    this.#report = undefined;
    this.#owed = undefined;
    this.#incoming = undefined;
    for (const reply of this.#replies) reply.reject(error);
  }

  /** Takes a message of the worker; throws ProtocolError for one that nobody waits for. */
  take(message: WorkerMessage): void {
    this.#extendDeadlines();
    switch (message.type) {
      case 'hello':
        throw new ProtocolError('unexpected', 'expected one hello, got a second');
      case 'prove':
        throw new ProtocolError('unexpected', 'expected one proof, got a second');
      case 'failed':
        this.lose(`it failed (${message.reason}): ${message.message}`);
        break;
      case 'leave':
        this.lose(message.message);
        break;
      default:
        this.#takeAnswer(message);
    }
  }

  /** Takes a tensor of the worker; throws ProtocolError or ShapeError for one that is not owed. */
  takeTensor(tensor: WireTensor): void {
    this.#extendDeadlines();
    if (this.#dropsAnswers) return;
    if (tensor.kind === 'state') {
      if (!this.#incoming) throw unexpected('no state', describeAddress(tensor));
      this.#incoming.add(tensor);
      this.#completeExport(this.#incoming);
      return;
    }
    const transfer = fromWire(tensor);
    const owed = this.#owed;
    if (!owed) throw unexpected('no tensor', describeAddress(tensor));
    owed.take(transfer);
    this.onSend(transfer);
    if (!owed.areComplete) return;
    this.#evaluated.resolve();
    this.#completeStep();
  }

  #takeAnswer(message: Answer): void {
    if (message.type === 'prepared' && message.plan === this.#plan) this.#dropsAnswers = false;
    if (this.#dropsAnswers) return;
    switch (message.type) {
      case 'prepared':
        this.#expectPlan(message, this.#prepared);
        this.#prepared.resolve(message.memoryBytes);
        break;
      case 'ready':
        this.#expectPlan(message, this.#ready);
        this.#ready.resolve();
        break;
      case 'step-done':
        this.#report = this.#checkedReport(message);
        this.#completeStep();
        break;
      case 'state': {
        const { step, manifest } = message;
        const got = `state of step ${step}`;
        if (!this.#exported.isWaitedFor || this.#incoming) throw unexpected('no state', got);
        if (step !== this.#exportStep) throw unexpected(`state of step ${this.#exportStep}`, got);
        const { spec, units } = this.#stage();
        expectManifest(`stage ${units}, state of step ${step}`, stateShapesOf(spec), manifest);
        this.#incoming = new StateReceiver(step, manifest);
        this.#completeExport(this.#incoming);
        break;
      }
    }
  }

  #expectPlan(
    { type, plan }: { type: string; plan: number },
    reply: { isWaitedFor: boolean },
  ): void {
    if (reply.isWaitedFor && plan === this.#plan) return;
    const expected = reply.isWaitedFor ? `${type} for plan ${this.#plan}` : `no ${type}`;
    throw unexpected(expected, `${type} for plan ${plan}`);
  }

  #checkedReport({ step, results, computeMs }: StepDone): StepReport {
    const got = `step-done of step ${step}`;
    if (!this.#stepDone.isWaitedFor || this.#report) throw unexpected('no step-done', got);
    if (step !== this.#step) throw unexpected(`step-done of step ${this.#step}`, got);
    const { isLast, units, spec } = this.#stage();
    const count = isLast ? spec.numMicroBatches : 0;
    if (results.length !== count) {
      throw unexpected(`${count} results of stage ${units}`, `${results.length} with ${got}`);
    }
    const most = Math.max(0, ...results.map(({ correct }) => correct));
    if (most > spec.microBatchSize) {
      throw unexpected(`at most ${spec.microBatchSize} correct`, `${most} with ${got}`);
    }
    // JSON has no NaN: a loss that is not finite crosses as null.
    const losses = results.map(({ loss, correct }) => ({ loss: loss ?? Number.NaN, correct }));
    return { results: losses, computeMs };
  }

  /** Messages overtake tensors, so that either may be the last to come. */
  #completeStep(): void {
    if (!this.#report || !this.#owed?.areComplete) return;
    this.#stepDone.resolve(this.#report);
  }

  #completeExport(incoming: StateReceiver): void {
    if (!incoming.isComplete) return;
    this.#incoming = undefined;
    this.#exported.resolve(incoming.state());
  }

  #prepare(assignment: StageAssignment): Promise<number> {
    this.abort(new Error('the stage was given other units'));
    this.#planned = planStage(assignment);
    const plan = this.#plan;
    const what = `prepare stage ${this.#planned.units}`;
    const deadline = this.#deadline(what, this.#limits.prepareMs);
    const prepared = this.#prepared.expect(this.#lost, deadline);
    void this.#connection.drained().then(() => {
      if (plan !== this.#plan) return;
      this.#wasAsked = true;
      this.#connection.send({ type: 'prepare', plan, stage: assignment });
    });
    return prepared;
  }

  /** Throws when the worker is gone or has no stage. */
  #stage(): PlannedStage {
    if (this.#lost) throw this.#lost;
    if (!this.#planned) {
      throw new NotPreparedError(`expected a prepared stage of worker ${this.id}, got none yet`);
    }
    return this.#planned;
  }

  #deadline(what: string, limitMs: number): Deadline {
    const onExpiry = (): void => {
      this.lose(`it was to ${what}, and neither an answer nor data came for ${limitMs / 1000} s`);
    };
    return { limitMs, onExpiry };
  }

  #extendDeadlines(): void {
    for (const reply of this.#replies) reply.extend();
  }

  #sendTensor(tensor: WireTensor): void {
    this.#connection.sendTensor(tensor).then(
      () => this.#extendDeadlines(),
      (error: unknown) => {
        this.lose(error instanceof Error ? error.message : String(error));
      },
    );
  }

  /** Marks the worker as gone; everything that waits for it gets the error. */
  lose(reason: string): void {
    if (this.#lost) return;
    this.#lost = new WorkerLostError(
      `Worker ${this.id} (${this.device}) is gone: ${reason}`,
      this.#planned !== undefined,
    );
    this.abort(this.#lost);
    this.#connection.close(this.#lost);
    this.#reportGone(this.#lost);
  }
}

function unexpected(expected: string, got: string): ProtocolError {
  return new ProtocolError('unexpected', `expected ${expected}, got ${got}`);
}
