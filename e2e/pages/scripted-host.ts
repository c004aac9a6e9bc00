import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import express from 'express';
import { WebSocketServer } from 'ws';
import { Connection } from '../../runtime/protocol/connection';
import {
  parseWorkerMessage,
  type HostMessage,
  type WorkerMessage,
} from '../../runtime/protocol/message';
import { Links } from '../../server/link/links';
import { RemoteWorker } from '../../server/link/remote-worker';
import type { WorkerChannel } from '../../server/link/worker-channel';

/** The built pages. */
export const pages = resolve('dist/client');

/** A worker page that has said hello: the host's end of it, and the connection underneath. */
export interface Guest {
  readonly hello: Extract<WorkerMessage, { type: 'hello' }>;
  readonly worker: RemoteWorker;
  readonly connection: Connection<HostMessage, WorkerMessage>;
}

/**
 * A host that leaves it to the test what to say to a worker that joins, so that tests can stop
 * half-way and say what a sound host never says. It serves the pages as the host does.
 */
export class ScriptedHost {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;

  private constructor(server: Server, sockets: WebSocketServer) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  /**
   * @param onJoin called with each worker that joins; without it none is let in
   * @param address one that the computer listens on; the URL's host is another where it is 0.0.0.0
   */
  static async start(
    onJoin?: (guest: Guest) => void,
    address = '127.0.0.1',
    blocksWebSockets = false,
  ): Promise<ScriptedHost> {
    const links = new Links((channel) => {
      if (onJoin) receive(channel, onJoin);
    });
    const app = express();
    app.get('/', (_, response) => {
      response.sendFile(join(pages, 'worker/index.html'));
    });
    app.use(express.static(pages));
    if (onJoin) app.use('/api', links.routes());
    const server = createServer(app);
    const sockets = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => {
      if (!onJoin || blocksWebSockets) {
        socket.destroy();
        return;
      }
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        links.attach(webSocket, request);
      });
    });
    await new Promise<void>((listening) => server.listen(0, address, listening));
    return new ScriptedHost(server, sockets);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}

function receive(channel: WorkerChannel, onJoin: (guest: Guest) => void): void {
  let worker: RemoteWorker | undefined;
  const connection: Guest['connection'] = new Connection<HostMessage, WorkerMessage>(
    channel,
    parseWorkerMessage,
    {
      message: (message) => {
        if (message.type === 'hello') {
          worker = new RemoteWorker('1', message, connection);
          onJoin({ hello: message, worker, connection });
        } else worker?.take(message);
      },
      tensor: (tensor) => worker?.takeTensor(tensor),
      closed: (error) => worker?.lose(error.message),
    },
  );
  channel.listen({
    receive: (message) => connection.receive(message),
    place: (start) => connection.place(start),
    drained: () => connection.pump(),
    closed: (error) => connection.close(error),
  });
}
