import { parentPort, workerData } from 'node:worker_threads';
import type { StageEngine } from '../../runtime/engine';
import { OnnxEngine } from './onnx-engine';
import {
  flag,
  type CallMessage,
  type CallName,
  type EngineThreadData,
  type ReplyMessage,
  type ThreadMessage,
} from './thread-message';
import { releaseForTransfer } from './transfer';

/** The entry of the thread in which the CPU engine blocks while it computes. */
function serve(): void {
  const port = parentPort;
  if (!port) throw new Error('engine-thread: expected to run as a worker thread');
  const { numThreads, shared } = workerData as EngineThreadData;
  const engine: StageEngine = new OnnxEngine({ numThreads });
  // The proxy's types hold name and arguments together; the port's can't.
  const calls = engine as unknown as Record<CallName, (...args: unknown[]) => Promise<unknown>>;

  const reply = async ({ id, name, args }: CallMessage): Promise<void> => {
    const buffers: ArrayBuffer[] = [];
    let message: ReplyMessage;
    try {
      const result = releaseForTransfer(await calls[name](...args), buffers);
      message = { id, memoryBytes: engine.memoryBytes(), result };
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      const { name: errorName, message: text } = error;
      const memoryBytes = engine.memoryBytes();
      message = { id, memoryBytes, error: { name: errorName, message: text } };
    }
    port.postMessage(message, buffers);
  };
  const take = async (message: ThreadMessage): Promise<void> => {
    Atomics.store(shared, flag.busy, 1);
    // With its port closed and no call under way, nothing keeps the thread from ending.
    if (message === 'end') port.close();
    else if (Atomics.load(shared, flag.ending) === 0) await reply(message);
    Atomics.store(shared, flag.busy, 0);
    Atomics.notify(shared, flag.busy);
  };
  let last: Promise<void> = Promise.resolve();
  port.on('message', (message: ThreadMessage) => {
    last = last.then(() => take(message));
  });
}

serve();
