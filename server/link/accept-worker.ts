import { beatIntervalMs, Connection } from '../../runtime/protocol/connection';
import { ProtocolError } from '../../runtime/protocol/error';
import {
  parseWorkerMessage,
  protocolVersion,
  type HostMessage,
  type WorkerMessage,
} from '../../runtime/protocol/message';
import { RemoteWorker } from './remote-worker';
import type { WorkerChannel } from './worker-channel';
import type { WorkerPool } from './worker-pool';

type Hello = Extract<WorkerMessage, { type: 'hello' }>;

/** How long a fresh connection may take to say hello. */
const helloLimitMs = 10_000;

/**
 * Serves one worker: waits for its hello, lets it choose its transport, and adds it to the pool.
 */
export function acceptWorker(channel: WorkerChannel, id: string, pool: WorkerPool): void {
  let hello: Hello | undefined;
  let worker: RemoteWorker | undefined;
  const connection: Connection<HostMessage, WorkerMessage> = new Connection<
    HostMessage,
    WorkerMessage
  >(channel, (text) => printable(parseWorkerMessage(text)), {
    message: (message) => {
      if (worker) {
        worker.take(message);
        return;
      }
      if (message.type === 'leave' || message.type === 'failed') {
        connection.close(new Error(message.message));
        return;
      }
      if (hello) throw new ProtocolError('unexpected', `expected ${message.type} after welcome`);
      if (message.type !== 'hello') {
        throw new ProtocolError('unexpected', `expected hello first, got ${message.type}`);
      }
      if (message.protocol !== protocolVersion) {
        const text = `this host speaks protocol ${protocolVersion}, the worker ${message.protocol}; reload the page`;
        connection.send({ type: 'refuse', reason: 'version-mismatch', message: text });
        connection.close(new ProtocolError('bad-version', text));
        return;
      }
      clearTimeout(helloTimer);
      hello = message;
      void join(message);
    },
    tensor: (tensor) => {
      if (!worker) throw new ProtocolError('unexpected', 'expected hello first, got a tensor');
      worker.takeTensor(tensor);
    },
    closed: (error) => {
      clearTimeout(helloTimer);
      clearInterval(heart);
      worker?.lose(error.message);
    },
  });
  /** Nothing else is on the link while it is measured. */
  const join = async (from: Hello): Promise<void> => {
    const facts = await channel.settle();
    if (!connection.isOpen) return;
    worker = new RemoteWorker(id, from, connection, undefined, facts);
    connection.send({ type: 'welcome', worker: id });
    pool.add(worker);
  };
  const heart = setInterval(() => connection.beat(), beatIntervalMs);
  const helloTimer = setTimeout(() => {
    connection.close(new ProtocolError('unexpected', 'no hello within 10 seconds'));
  }, helloLimitMs);
  channel.listen({
    receive: (message) => connection.receive(message),
    drained: () => connection.pump(),
    closed: (error) => connection.close(error),
  });
}

/** The message with texts that can be shown in a terminal: without control characters. */
function printable<T extends object>(message: T): T {
  const entries = Object.entries(message).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? value.replace(/[\p{Cc}\p{Cf}]/gu, '') : value,
  ]);
  return Object.fromEntries(entries) as T;
}
