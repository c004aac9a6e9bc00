import { WebSocket, type RawData } from 'ws';
import {
  beatIntervalMs,
  Connection,
  ConnectionClosedError,
  type Socket,
} from '../../runtime/protocol/connection';
import { ProtocolError } from '../../runtime/protocol/error';
import {
  parseWorkerMessage,
  protocolVersion,
  type HostMessage,
  type WorkerMessage,
} from '../../runtime/protocol/message';
import { RemoteWorker } from './remote-worker';
import type { WorkerPool } from './worker-pool';

/** How long a fresh connection may take to say hello. */
const helloLimitMs = 10_000;

/** Serves one WebSocket: waits for its hello, and adds the worker to the pool. */
export function acceptWorker(socket: WebSocket, id: string, pool: WorkerPool): void {
  let worker: RemoteWorker | undefined;
  const connection: Connection<HostMessage, WorkerMessage> = new Connection<
    HostMessage,
    WorkerMessage
  >(
    socketOf(socket, () => connection.pump()),
    (text) => printable(parseWorkerMessage(text)),
    {
      message: (message) => {
        if (worker) {
          worker.take(message);
          return;
        }
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
        worker = new RemoteWorker(id, message, connection);
        connection.send({ type: 'welcome', worker: id });
        pool.add(worker);
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
    },
  );
  const heart = setInterval(() => connection.beat(), beatIntervalMs);
  const helloTimer = setTimeout(() => {
    connection.close(new ProtocolError('unexpected', 'no hello within 10 seconds'));
  }, helloLimitMs);
  socket.on('message', (data, isBinary) => {
    connection.receive(isBinary ? bytesOf(data) : Buffer.from(bytesOf(data)).toString('utf8'));
  });
  socket.on('error', (error) => connection.close(error));
  socket.on('close', () => {
    connection.close(new ConnectionClosedError('its connection closed'));
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

/** The protocol's view of a `ws` socket; `onDrained` is called when a frame has left. */
export function socketOf(socket: WebSocket, onDrained: () => void): Socket {
  return {
    sendText: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    sendBinary: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message, onDrained);
    },
    bufferedAmount: () => socket.bufferedAmount,
    close: (code, reason) => {
      socket.close(code, reason);
    },
  };
}

export function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
