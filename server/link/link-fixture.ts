import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import express from 'express';
import { expect, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import type { LinkFacts, TransportChoice } from '../../runtime/link/control';
import type { LinkPlatform } from '../../runtime/link/platform';
import { maxRecordBytes } from '../../runtime/link/record';
import { WorkerLink } from '../../runtime/link/worker-link';
import { Connection } from '../../runtime/protocol/connection';
import type { WireTensor } from '../../runtime/protocol/frame';
import type { Pieces } from '../../runtime/protocol/pieces';
import {
  parseHostMessage,
  parseWorkerMessage,
  type HostMessage,
  type WorkerMessage,
} from '../../runtime/protocol/message';
import { Links } from './links';
import { nodePlatform } from './node-platform';
import { streamProtocol } from './stream-lane';
import type { WorkerChannel } from './worker-channel';

/* Both ends of a link over real sockets of this computer, with the worker in Node. */

export const MiB = 1024 * 1024;

interface Host {
  readonly origin: string;
  /** Connections that are open; destroying one is pulling its cable. */
  readonly connections: Map<Socket, string>;
  /** Takes the next worker's channel. */
  onChannel: (channel: WorkerChannel) => void;
}

interface HostOptions {
  readonly choice?: TransportChoice;
  /** As where a proxy or a certificate stands in the way. */
  readonly blocksWebSockets?: boolean;
  /** One that runs already. */
  readonly host?: Host;
  /** Sees each binary message before the connection does. */
  readonly onMessage?: (message: Pieces) => void;
}

async function startHost({ choice, blocksWebSockets }: HostOptions): Promise<Host> {
  const links = new Links((channel) => host.onChannel(channel));
  if (choice) links.choice = choice;
  const app = express();
  app.use('/api', links.routes());
  const connections = new Map<Socket, string>();
  const server = createServer((request, response) => {
    connections.set(request.socket, request.url ?? '');
    app(request, response);
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxRecordBytes });
  server.on('upgrade', (request, socket, head) => {
    if (blocksWebSockets) socket.destroy();
    else if (request.headers.upgrade === streamProtocol) links.attachStream(socket, head, request);
    else {
      connections.set(request.socket, request.url ?? '');
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        links.attach(webSocket, request);
      });
    }
  });
  server.on('connection', (socket) => {
    connections.set(socket, '');
    socket.on('close', () => connections.delete(socket));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(async () => {
    for (const socket of connections.keys()) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  const host: Host = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    onChannel: () => undefined,
  };
  return host;
}

/** One end: what it took, in order, and how it ended. */
class End {
  readonly tensors: WireTensor[] = [];
  readonly texts: string[] = [];
  /** Which came when: `t` a text, `0` … a tensor's micro-batch. */
  readonly order: string[] = [];
  readonly closed: Promise<Error>;
  #close: (error: Error) => void = () => undefined;
  #waiting: { count: number; resolve: () => void } | undefined;

  constructor() {
    this.closed = new Promise((resolve) => (this.#close = resolve));
  }

  readonly handlers = {
    message: (message: { type: string }) => {
      this.texts.push(JSON.stringify(message));
      this.order.push('t');
      this.#check();
    },
    tensor: (tensor: WireTensor) => {
      this.tensors.push(tensor);
      this.order.push(String(tensor.microBatch));
      this.#check();
    },
    closed: (error: Error) => this.#close(error),
  };

  /** Resolves when so many messages and tensors have come in all. */
  have(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { count, resolve };
      this.#check();
    });
  }

  #check(): void {
    if (this.#waiting && this.order.length >= this.#waiting.count) this.#waiting.resolve();
  }
}

export interface Joined {
  readonly host: Host;
  readonly hostEnd: End;
  readonly workerEnd: End;
  readonly hostSide: Connection<HostMessage, WorkerMessage>;
  readonly workerSide: Connection<WorkerMessage, HostMessage>;
  readonly channel: WorkerChannel;
  /** The last that the worker told its page. */
  readonly facts: () => LinkFacts | undefined;
}

/** A browser's, which doesn't know what is fastest. */
export const measuringPlatform = (): LinkPlatform => ({ ...nodePlatform(), fastest: undefined });

export async function join(
  options: HostOptions = {},
  platform = measuringPlatform(),
): Promise<Joined> {
  const hostEnd = new End();
  const workerEnd = new End();
  let accepted: (side: { hostSide: Joined['hostSide']; channel: WorkerChannel }) => void;
  const accepting = new Promise<{ hostSide: Joined['hostSide']; channel: WorkerChannel }>(
    (resolve) => (accepted = resolve),
  );
  const host = options.host ?? (await startHost(options));
  host.onChannel = (channel) => {
    const hostSide: Joined['hostSide'] = new Connection<HostMessage, WorkerMessage>(
      channel,
      parseWorkerMessage,
      hostEnd.handlers,
    );
    channel.listen({
      receive: (message) => {
        if (typeof message !== 'string') options.onMessage?.(message);
        hostSide.receive(message);
      },
      place: (start) => hostSide.place(start),
      drained: () => hostSide.pump(),
      closed: (error) => hostSide.close(error),
    });
    accepted({ hostSide, channel });
  };
  let facts: LinkFacts | undefined;
  const made: { workerSide?: Joined['workerSide'] } = {};
  const way = new WorkerLink(host.origin, platform, {
    receive: (message) => made.workerSide?.receive(message),
    place: (start) => made.workerSide?.place(start),
    drained: () => made.workerSide?.pump(),
    chosen: (now) => {
      facts = now;
    },
    closed: (error) => made.workerSide?.close(error),
  });
  await way.open();
  const opened: Joined['workerSide'] = new Connection<WorkerMessage, HostMessage>(
    way.link,
    parseHostMessage,
    workerEnd.handlers,
  );
  made.workerSide = opened;
  onTestFinished(() => opened.close(new Error('the test is over')));
  const { hostSide, channel } = await accepting;
  return { host, hostEnd, workerEnd, hostSide, workerSide: opened, channel, facts: () => facts };
}

export function tensor(microBatch: number, length: number, kind: WireTensor['kind']): WireTensor {
  const data = Float32Array.from({ length }, (_, index) => (index * 7 + microBatch) % 8191);
  return { kind, step: 1, microBatch, tensorId: 0, shape: [length], dtype: 'f32', data };
}

export function expectSame(received: readonly WireTensor[], sent: readonly WireTensor[]): void {
  expect(received.map(({ microBatch }) => microBatch)).toEqual(
    sent.map(({ microBatch }) => microBatch),
  );
  const wrong = received.filter(({ data }, index) => {
    const expected = sent[index]?.data;
    return data.length !== expected?.length || data.some((value, at) => value !== expected[at]);
  });
  expect(wrong.map(({ microBatch }) => microBatch)).toEqual([]);
}
