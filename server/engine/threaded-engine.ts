import { Worker } from 'node:worker_threads';
import type { LossResult, OptimizerStep, StageEngine, StageSpec } from '../../runtime/engine';
import type { NamedTensors, Tensor } from '../../runtime/tensor';
import { defaultNumThreads, describeCpu } from './cpu';
import type { CpuEngineOptions } from './onnx-engine';
import {
  flag,
  type ArgsOf,
  type CallMessage,
  type CallName,
  type EngineThreadData,
  type ReplyMessage,
  type ResultOf,
  type SharedFlags,
  type ThreadMessage,
} from './thread-message';
import { copyForTransfer } from './transfer';

/** The engine's thread has ended; calls that it had not answered get this error too. */
export class EngineThreadError extends Error {
  override readonly name = 'EngineThreadError';
}

interface PendingCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

// From source the thread is the built one; in the build it lies beside this chunk.
const threadUrl = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/server/engine-thread.js' : './engine-thread.js',
  import.meta.url,
);

/** How long the end of the process waits for the call that the thread is in. */
const longestCallMs = 10_000;

/**
 * The CPU engine in a thread of its own, so that this one stays free while it computes. Calls
 * queue there in the order in which they were made.
 *
 * Tensors are copied, and the caller may change them at once, but for those that are given: their
 * memory goes to the thread. Errors of the engine come back with their name and message.
 */
export class ThreadedEngine implements StageEngine {
  readonly kind = 'cpu';
  readonly device: string;
  readonly #thread: Worker;
  readonly #shared: SharedFlags = new Int32Array(new SharedArrayBuffer(8));
  readonly #exited: Promise<void>;
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 0;
  #memoryBytes = 0;
  #ended: EngineThreadError | undefined;

  constructor({ numThreads = defaultNumThreads() }: CpuEngineOptions = {}) {
    this.device = describeCpu(numThreads);
    const workerData: EngineThreadData = { numThreads, shared: this.#shared };
    this.#thread = new Worker(threadUrl, { workerData, name: 'engine' });
    this.#thread.unref();
    this.#thread.on('message', (reply: ReplyMessage) => {
      this.#settle(reply);
    });
    this.#thread.on('error', ({ message }) => {
      this.#end(`the engine's thread failed: ${message}`);
    });
    process.on('exit', this.#waitAtExit);
    this.#exited = new Promise((resolve) => {
      this.#thread.on('exit', (code) => {
        this.#end(`the engine's thread ended with code ${code}`);
        process.off('exit', this.#waitAtExit);
        resolve();
      });
    });
  }

  load(spec: StageSpec): Promise<void> {
    return this.#call('load', spec);
  }

  importState(state: NamedTensors): Promise<void> {
    return this.#call('importState', state);
  }

  exportState(): Promise<NamedTensors> {
    return this.#call('exportState');
  }

  exportGradients(): Promise<NamedTensors> {
    return this.#call('exportGradients');
  }

  forward(microBatch: number, input: Tensor): Promise<Tensor> {
    return this.#call('forward', microBatch, input);
  }

  forwardLoss(microBatch: number, input: Tensor, labels: Int32Array): Promise<LossResult> {
    return this.#call('forwardLoss', microBatch, input, labels);
  }

  backwardInput(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null> {
    return this.#call('backwardInput', microBatch, outputGradient);
  }

  backwardWeight(microBatch: number): Promise<void> {
    return this.#call('backwardWeight', microBatch);
  }

  backward(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null> {
    return this.#call('backward', microBatch, outputGradient);
  }

  applyOptimizer(step: OptimizerStep): Promise<void> {
    return this.#call('applyOptimizer', step);
  }

  evaluate(input: Tensor): Promise<Tensor> {
    return this.#call('evaluate', input);
  }

  /** As of the last call that was answered. */
  memoryBytes(): number {
    return this.#memoryBytes;
  }

  async dispose(): Promise<void> {
    if (this.#ended) return;
    await this.#call('dispose');
    await this.terminate();
  }

  /**
   * Rejects all calls, and ends the thread behind the one that it is in. Not by
   * `Worker.terminate`: under ONNX Runtime's native call that aborts the whole process.
   */
  async terminate(): Promise<void> {
    this.#end('the engine was ended');
    Atomics.store(this.#shared, flag.ending, 1);
    const end: ThreadMessage = 'end';
    this.#thread.postMessage(end);
    this.#thread.ref();
    await this.#exited;
  }

  /** The end of the process ends the thread too, with the same abort under a native call. */
  readonly #waitAtExit = (): void => {
    Atomics.store(this.#shared, flag.ending, 1);
    Atomics.wait(this.#shared, flag.busy, 1, longestCallMs);
  };

  #call<Name extends CallName>(name: Name, ...args: ArgsOf<Name>): Promise<ResultOf<Name>> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    const buffers: ArrayBuffer[] = [];
    const message: CallMessage = {
      id,
      name,
      args: copyForTransfer(args, buffers) as ArgsOf<Name>,
    };
    return new Promise((resolve, reject) => {
      // Throws, and so rejects, where an argument can't be posted.
      this.#thread.postMessage(message, buffers);
      this.#pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      // An idle engine doesn't keep the process from ending.
      this.#thread.ref();
    });
  }

  #settle(reply: ReplyMessage): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#thread.unref();
    this.#memoryBytes = reply.memoryBytes;
    if ('error' in reply) {
      const error = new Error(reply.error.message);
      error.name = reply.error.name;
      pending?.reject(error);
    } else {
      pending?.resolve(reply.result);
    }
  }

  /** The first reason stands. */
  #end(reason: string): void {
    this.#ended ??= new EngineThreadError(`${reason}; start the run again from its checkpoint`);
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}
