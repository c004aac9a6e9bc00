import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { hostname } from 'node:os';
import express from 'express';
import { WebSocketServer } from 'ws';
import { maxRecordBytes } from '../../../runtime/link/record';
import { Connection } from '../../../runtime/protocol/connection';
import {
  parseWorkerMessage,
  type HostMessage,
  type WorkerMessage,
} from '../../../runtime/protocol/message';
import { issueAuthority, issueLeaf } from '../../../server/certificate/issue';
import { Links } from '../../../server/link/links';
import { streamProtocol } from '../../../server/link/stream-lane';
import type { WorkerChannel } from '../../../server/link/worker-channel';
import type { Contestant, Rates } from './contestant';
import { keepSending } from './traffic';

/** The host's end, and who says what is measured. */
export interface BenchmarkHost {
  readonly origin: string;
  /** PEM: the server's certificate and key, and the authority that signed it. */
  readonly identity: { readonly cert: string; readonly key: string; readonly ca: string };
  /** Has whoever asks at `/next` measure these, one after another. */
  measure(order: readonly Contestant[], forMs: number): Promise<Rates[]>;
  close(): void;
}

/** The host's end, over TLS: the page, links whose tensors are dropped, and an echo. */
export async function startBenchmarkHost(pages: string): Promise<BenchmarkHost> {
  const links = new Links(serveChannel);
  let left: Contestant[] = [];
  let forMs = 0;
  let rates: Rates[] = [];
  let done: (all: Rates[]) => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;

  const app = express();
  app.use('/api', links.routes());
  app.post('/next', express.text({ type: '*/*' }), (request, response) => {
    const last = JSON.parse(String(request.body)) as Rates | null;
    if (last) rates.push(last);
    const contestant = left.shift();
    if (contestant && contestant !== 'echo') links.choice = contestant;
    response.json(contestant ? { contestant, forMs } : null);
    if (!contestant) done(rates);
  });
  app.post('/error', express.text({ type: '*/*' }), (request, response) => {
    response.end();
    failed(new Error(`the page failed: ${String(request.body)}`));
  });
  app.use(express.static(pages));

  const { origin, identity, upgraded, close } = await listen(app);
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxRecordBytes,
  });
  upgraded((request, socket, head) => {
    if (request.headers.upgrade === streamProtocol) {
      links.attachStream(socket, head, request);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (request.url !== '/echo') links.attach(webSocket, request);
      else webSocket.on('message', (data: Buffer) => webSocket.send(data));
    });
  });
  return {
    origin,
    identity,
    measure: (order, ms) =>
      new Promise((resolve, reject) => {
        [left, forMs, rates, done, failed] = [[...order], ms, [], resolve, reject];
      }),
    close,
  };
}

/** As the host takes a worker: hello, measuring, welcome; then activations without end. */
function serveChannel(channel: WorkerChannel): void {
  const connection: Connection<HostMessage, WorkerMessage> = new Connection<
    HostMessage,
    WorkerMessage
  >(channel, parseWorkerMessage, {
    message: (message) => {
      if (message.type !== 'hello') return;
      void channel.settle(message.instance).then(() => {
        connection.send({ type: 'welcome', worker: '1' });
        keepSending(connection, 'activation');
      });
    },
    tensor: () => undefined,
    closed: () => undefined,
  });
  channel.listen({
    receive: (message) => connection.receive(message),
    place: (start) => connection.place(start),
    drained: () => connection.pump(),
    closed: (error) => connection.close(error),
  });
}

type Upgrade = Parameters<WebSocketServer['handleUpgrade']>;

async function listen(app: express.Express): Promise<{
  origin: string;
  identity: BenchmarkHost['identity'];
  upgraded: (take: (request: Upgrade[0], socket: Upgrade[1], head: Upgrade[2]) => void) => void;
  close: () => void;
}> {
  const now = new Date();
  const authority = await issueAuthority(hostname(), now);
  const leaf = await issueLeaf(authority, { dns: ['localhost'], ip: ['127.0.0.1'] }, now);
  const identity = { cert: leaf.certificate, key: leaf.key, ca: authority.certificate };
  const server = createServer({ cert: identity.cert, key: identity.key }, app);
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    identity,
    upgraded: (take) => void server.on('upgrade', take),
    close: () => {
      for (const socket of connections) socket.destroy();
      server.close();
    },
  };
}
