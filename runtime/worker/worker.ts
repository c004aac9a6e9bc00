import type { StageEngine } from '../engine';
import type { DeviceIdentity } from '../pairing/proof';
import { planStage } from '../pipeline/assignment';
import { LocalStage, type StepReport } from '../pipeline/stage';
import { fromWire, toWire } from '../pipeline/transfer';
import { Connection, type Socket } from '../protocol/connection';
import { ProtocolError } from '../protocol/error';
import type { WireTensor } from '../protocol/frame';
import {
  parseHostMessage,
  protocolVersion,
  type HostMessage,
  type StageAssignment,
  type WorkerMessage,
} from '../protocol/message';
import { manifestOf, stateFrames, StateReceiver } from '../protocol/state-transfer';
import { parseAction } from '../schedule/action';
import type { NamedTensors } from '../tensor';
import { failureReason } from './failure';
import { Progress } from './progress';
import type { WorkerStatus } from './status';

export interface WorkerOptions {
  readonly engine: StageEngine;
  /** The browser's user agent, or the program's name and version. */
  readonly agent: string;
  /** A random name, by which the host knows this worker again on another connection. */
  readonly instance: string;
  /** Answers hosts that want to know who joins; without it the worker joins no such host. */
  readonly identity?: DeviceIdentity;
  readonly onStatus: (status: WorkerStatus) => void;
}

/**
 * A worker's end of a run: does what the host says with one stage on its engine. The same class
 * serves in a page's Web Worker and in Node.
 *
 * States: joined (no stage) -> preparing -> loading -> running; `prepare` and `idle` lead back from
 * anywhere. Commands run one after another; tensors are taken whenever they come.
 */
export class PipelineWorker {
  readonly #options: WorkerOptions;
  readonly #stage: LocalStage;
  readonly #progress: Progress;
  #connection: Connection<WorkerMessage, HostMessage> | undefined;
  #commands: Promise<void> = Promise.resolve();
  /** Counts the stages given and taken away; commands and answers of an older one are dropped. */
  #generation = 0;
  /** From `prepare` on; without a stage, tensors are those of the former that were on their way. */
  #hasStage = false;
  #incoming: { plan: number; totalSteps: number; state: StateReceiver } | undefined;
  #ended = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#stage = new LocalStage(options.engine);
    this.#progress = new Progress(options.engine.device, options.onStatus);
  }

  /** Whether the run is over or the worker has failed for good: no use in connecting again. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /**
   * Joins over an open socket. The caller passes on what the socket receives, beats, and closes
   * the connection when the socket closes.
   */
  join(socket: Socket, onClosed: (error: Error) => void): Connection<WorkerMessage, HostMessage> {
    const connection = new Connection<WorkerMessage, HostMessage>(socket, parseHostMessage, {
      message: (message) => this.#take(message),
      tensor: (tensor) => this.#takeTensor(tensor),
      closed: (error) => {
        this.#dropStage(error);
        onClosed(error);
      },
    });
    this.#connection = connection;
    this.#stage.onSend = (transfer) => {
      connection.sendTensor(toWire(transfer)).catch((error: unknown) => this.#fail(error));
    };
    const { engine, agent, instance } = this.#options;
    connection.send({
      type: 'hello',
      protocol: protocolVersion,
      engine: engine.kind,
      device: engine.device,
      agent,
      instance,
      ...(engine.memory && { memory: engine.memory }),
      ...(engine.precisions && { precisions: [...engine.precisions] }),
    });
    return connection;
  }

  /** Tells the host that this worker goes, and why. */
  leave(message: string): void {
    this.#ended = true;
    this.#connection?.send({ type: 'leave', message });
    this.#connection?.close(new Error(message));
  }

  #take(message: HostMessage): void {
    switch (message.type) {
      case 'challenge':
        this.#prove(message.nonce).catch((error: unknown) => this.#fail(error));
        break;
      case 'welcome':
        this.#progress.waiting('The computer has no work for this device yet.');
        break;
      case 'refuse':
        this.#ended = true;
        this.#progress.failed(message.reason, message.message);
        break;
      case 'idle':
        this.#dropStage(new Error('the host took the stage away'));
        this.#progress.waiting(message.why);
        break;
      case 'prepare':
        this.#dropStage(new Error('the host gave another stage'));
        this.#hasStage = true;
        this.#prepare(message.plan, message.stage);
        break;
      case 'load': {
        const { plan, step, totalSteps, manifest } = message;
        this.#incoming = { plan, totalSteps, state: new StateReceiver(step, manifest) };
        this.#loaded();
        break;
      }
      case 'step': {
        const { step, learningRate } = message;
        const actions = message.actions.map(parseAction);
        this.#enqueue(
          () => this.#stage.step({ step, actions, learningRate }),
          (report) => this.#stepped(step, report),
        );
        break;
      }
      case 'evaluate':
        this.#enqueue(() => {
          this.#progress.evaluating();
          return this.#stage.evaluate(message.step, message.numMicroBatches);
        });
        break;
      case 'export':
        this.#enqueue(
          () => this.#stage.exportState(),
          (exported) => this.#sendState(message.step, exported),
        );
        break;
      case 'finished':
        this.#ended = true;
        this.#progress.finished(message.message);
        break;
    }
  }

  async #prove(nonce: string): Promise<void> {
    const { identity } = this.#options;
    const connection = this.#connection;
    if (!identity) throw new ProtocolError('unexpected', 'this worker has no identity to prove');
    const proof = await identity.prove(nonce);
    connection?.send({ type: 'prove', ...proof });
  }

  #takeTensor(tensor: WireTensor): void {
    if (!this.#hasStage) return;
    if (tensor.kind !== 'state') {
      const connection = this.#connection;
      this.#stage.deliver(fromWire(tensor, () => connection?.release(tensor)));
      return;
    }
    if (!this.#incoming) {
      throw new ProtocolError('unexpected', 'expected a load message before state tensors');
    }
    this.#incoming.state.add(tensor);
    this.#loaded();
  }

  #prepare(plan: number, assignment: StageAssignment): void {
    // What the former stage still had to send goes out first: the host drops all before `prepared`.
    this.#enqueue(async () => this.#connection?.drained());
    this.#enqueue(
      () => {
        const { units } = planStage(assignment);
        this.#progress.preparing(units, assignment.microBatchSize * assignment.numMicroBatches);
        return this.#stage.prepare(assignment);
      },
      (memoryBytes) => {
        this.#progress.prepared(memoryBytes);
        this.#connection?.send({ type: 'prepared', plan, memoryBytes });
      },
    );
  }

  /** Reports how much of the state has come, and hands it to the engine once it is whole. */
  #loaded(): void {
    if (!this.#incoming) return;
    const { plan, totalSteps, state } = this.#incoming;
    this.#progress.loading(state.receivedBytes, state.totalBytes);
    if (!state.isComplete) return;
    this.#incoming = undefined;
    this.#enqueue(
      () => this.#stage.load(state.state()),
      () => {
        this.#progress.loaded(state.step, totalSteps);
        this.#connection?.send({ type: 'ready', plan });
      },
    );
  }

  #stepped(step: number, report: StepReport): void {
    const { computeMs } = report;
    // JSON has no NaN: a loss that is not finite crosses as null.
    const results = report.results.map(({ loss, correct }) => ({
      loss: Number.isFinite(loss) ? loss : null,
      correct,
    }));
    this.#connection?.send({ type: 'step-done', step, results, computeMs });
    this.#progress.stepped(step, report);
  }

  /** As bulk traffic, which leaves while the next step runs. */
  #sendState(step: number, state: NamedTensors): void {
    const connection = this.#connection;
    connection?.send({ type: 'state', step, manifest: manifestOf(state) });
    for (const tensor of stateFrames(state, step)) {
      connection?.sendTensor(tensor).catch((error: unknown) => this.#fail(error));
    }
  }

  /**
   * Runs a command after those before it, then what follows from it; neither where the stage that
   * it is for was taken away, and with it perhaps the connection.
   */
  #enqueue<Result>(
    command: () => Promise<Result>,
    follow: (result: Result) => void = () => undefined,
  ): void {
    const generation = this.#generation;
    const isCurrent = (): boolean => generation === this.#generation;
    const run = async (): Promise<void> => {
      if (!isCurrent()) return;
      const result = await command();
      if (isCurrent()) follow(result);
    };
    this.#commands = this.#commands.then(run).catch((error: unknown) => {
      // A stage that was taken away fails in whatever it was doing; nobody needs to know.
      if (isCurrent()) this.#fail(error);
    });
  }

  #dropStage(error: Error): void {
    this.#generation++;
    this.#hasStage = false;
    this.#incoming = undefined;
    this.#stage.abort(error);
  }

  #fail(error: unknown): void {
    if (!this.#connection?.isOpen) return;
    const reason = failureReason(error);
    const message = error instanceof Error ? error.message : String(error);
    this.#ended = true;
    this.#progress.failed(reason, message);
    this.#connection.send({ type: 'failed', reason, message: message.slice(0, 2000) });
    this.#connection.close(error instanceof Error ? error : new Error(message));
  }
}
