import { beatIntervalMs, Connection } from '../../runtime/protocol/connection';
import { ProtocolError } from '../../runtime/protocol/error';
import {
  parseWorkerMessage,
  protocolVersion,
  type HostMessage,
  type WorkerMessage,
} from '../../runtime/protocol/message';
import { printable } from '../../runtime/printable';
import type { Proof } from '../../runtime/pairing/proof';
import type { FailureReason } from '../../runtime/worker/status';
import type { Pairing } from '../pairing/pairing';
import { RemoteWorker } from './remote-worker';
import type { WorkerChannel } from './worker-channel';
import type { WorkerPool } from './worker-pool';

type Hello = Extract<WorkerMessage, { type: 'hello' }>;

/** A device is not paired with this host. */
class NotAdmittedError extends Error {
  override readonly name = 'NotAdmittedError';
}

/** How long a fresh connection may take to say hello. */
const helloLimitMs = 10_000;

/**
 * Serves one worker: waits for its hello, and for the proof that it is paired, lets it choose its
 * transport, and adds it to the pool.
 * @param pairing whom to let in; everybody without it
 */
export function acceptWorker(
  channel: WorkerChannel,
  id: string,
  pool: WorkerPool,
  pairing?: Pairing,
): void {
  let hello: Hello | undefined;
  let nonce: string | undefined;
  let unwatch = (): void => undefined;
  let worker: RemoteWorker | undefined;
  const connection: Connection<HostMessage, WorkerMessage> = new Connection<
    HostMessage,
    WorkerMessage
  >(channel, (text) => printableFields(parseWorkerMessage(text)), {
    message: (message) => {
      if (worker) {
        worker.take(message);
        return;
      }
      if (message.type === 'leave' || message.type === 'failed') {
        connection.close(new Error(message.message));
        return;
      }
      if (message.type === 'prove' && hello && nonce !== undefined) {
        const asked = nonce;
        nonce = undefined;
        void prove(hello, asked, message);
        return;
      }
      if (hello)
        throw new ProtocolError('unexpected', `expected no ${message.type} before welcome`);
      if (message.type !== 'hello') {
        throw new ProtocolError('unexpected', `expected hello first, got ${message.type}`);
      }
      if (message.protocol !== protocolVersion) {
        const text = `this host speaks protocol ${protocolVersion}, the worker ${message.protocol}; reload the page`;
        refuse('version-mismatch', new ProtocolError('bad-version', text));
        return;
      }
      hello = message;
      nonce = pairing?.challenge();
      if (nonce === undefined) void join(message);
      else connection.send({ type: 'challenge', nonce });
    },
    tensor: (tensor) => {
      if (!worker) throw new ProtocolError('unexpected', 'expected hello first, got a tensor');
      worker.takeTensor(tensor);
    },
    closed: (error) => {
      clearTimeout(helloTimer);
      clearInterval(heart);
      unwatch();
      worker?.lose(error.message);
    },
  });
  /** Nothing else is on the link while it is measured. */
  const join = async (from: Hello, device = from.instance): Promise<void> => {
    clearTimeout(helloTimer);
    if (from.purpose === 'measurement') {
      await channel.settle();
      connection.send({ type: 'finished', message: 'the link is measured' });
      connection.close(new Error('it had come to measure the link'));
      return;
    }
    const facts = await channel.settle(device);
    if (!connection.isOpen) return;
    worker = new RemoteWorker(id, from, connection, undefined, facts);
    connection.send({ type: 'welcome', worker: id });
    pool.add(worker);
  };
  const refuse = (reason: FailureReason, error: Error): void => {
    connection.send({ type: 'refuse', reason, message: error.message });
    connection.close(error);
  };
  const prove = async (from: Hello, asked: string, proof: Proof): Promise<void> => {
    try {
      const admission = await pairing?.admit(asked, proof, from.device);
      if (!connection.isOpen || !admission) return;
      if (admission.kind === 'refused') {
        refuse(admission.reason, new NotAdmittedError(admission.message));
        return;
      }
      const revoked = new NotAdmittedError('it was revoked on the computer');
      unwatch = pairing?.watch(admission.device, () => refuse('not-paired', revoked)) ?? unwatch;
      await join(from, admission.device);
    } catch (error) {
      connection.close(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const heart = setInterval(() => connection.beat(), beatIntervalMs);
  const helloTimer = setTimeout(() => {
    connection.close(new ProtocolError('unexpected', 'no hello within 10 seconds'));
  }, helloLimitMs);
  channel.listen({
    receive: (message) => connection.receive(message),
    place: (start) => connection.place(start),
    drained: () => connection.pump(),
    closed: (error) => connection.close(error),
  });
}

function printableFields<T extends object>(message: T): T {
  const entries = Object.entries(message).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? printable(value) : value,
  ]);
  return Object.fromEntries(entries) as T;
}
