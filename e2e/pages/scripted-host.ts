import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import express from 'express';
import { WebSocketServer, type WebSocket } from 'ws';
import { Connection, ConnectionClosedError } from '../../runtime/protocol/connection';
import {
  parseWorkerMessage,
  type HostMessage,
  type WorkerMessage,
} from '../../runtime/protocol/message';
import { bytesOf, socketOf } from '../../server/link/accept-worker';
import { RemoteWorker } from '../../server/link/remote-worker';

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
  ): Promise<ScriptedHost> {
    const app = express();
    app.get('/', (_, response) => {
      response.sendFile(join(pages, 'worker/index.html'));
    });
    app.use(express.static(pages));
    const server = createServer(app);
    const sockets = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => {
      if (!onJoin) {
        socket.destroy();
        return;
      }
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        receive(webSocket, onJoin);
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

function receive(webSocket: WebSocket, onJoin: (guest: Guest) => void): void {
  let worker: RemoteWorker | undefined;
  const connection: Guest['connection'] = new Connection<HostMessage, WorkerMessage>(
    socketOf(webSocket, () => {
      connection.pump();
    }),
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
  webSocket.on('message', (data, isBinary) => {
    const bytes = bytesOf(data);
    connection.receive(isBinary ? bytes : Buffer.from(bytes).toString());
  });
  webSocket.on('close', () => {
    connection.close(new ConnectionClosedError('the page closed the connection'));
  });
}
