import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express from 'express';
import { WebSocketServer } from 'ws';
import { maxFrameBytes } from '../../runtime/protocol/frame';
import { acceptWorker } from '../link/accept-worker';
import { WorkerPool } from '../link/worker-pool';
import { Verifications, verificationRoutes } from './verification';

/** The pages as Vite built them; the host runs beside them, or in tests from its source. */
const builtPages = join(
  import.meta.dirname,
  import.meta.url.endsWith('.ts') ? '../../dist/client' : '../client',
);

/** The port is taken, or the address is none of this computer's. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

export interface HostServer {
  readonly url: string;
  readonly pool: WorkerPool;
  readonly verifications: Verifications;
  close(): Promise<void>;
}

/** Control messages (JSON) and frames share this bound; a longer message closes the connection. */
const maxMessageBytes = Math.max(maxFrameBytes, 1 << 20);

/**
 * Serves the pages, takes workers at `/worker` and verification reports at `/api/verify`.
 * @param port 0 for any free one
 * @throws ListenError when it can't listen there
 */
export async function startServer(
  address: string,
  port: number,
  pages = builtPages,
): Promise<HostServer> {
  const pool = new WorkerPool();
  const verifications = new Verifications();
  const app = express();
  app.disable('x-powered-by');
  app.use(express.static(pages, { index: false, redirect: false }));
  app.get('/', (_request, response) => {
    response.sendFile(join(pages, 'worker/index.html'));
  });
  app.get('/verify', (_request, response) => {
    response.sendFile(join(pages, 'verify/index.html'));
  });
  app.use('/api', verificationRoutes(verifications));
  app.use((_request, response) => {
    response
      .status(404)
      .type('text')
      .send(
        'There is no such page. The worker page is at /, the check of the kernels at /verify\n',
      );
  });
  const server = createServer(app);
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
  });
  let workers = 0;
  server.on('upgrade', (request, socket, head) => {
    // Not through URL: it throws for targets such as `//`.
    if (request.url?.split('?')[0] !== '/worker') {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      acceptWorker(webSocket, String(++workers), pool);
    });
  });
  await listen(server, address, port);
  const bound = server.address() as AddressInfo;
  const host = address.includes(':') ? `[${address}]` : address;
  return {
    url: `http://${isLoopback(address) ? 'localhost' : host}:${bound.port}/`,
    pool,
    verifications,
    close: () => closeServer(server, sockets),
  };
}

/** Whether only programs on this computer can reach the address. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.');
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const remedy =
        error.code === 'EADDRINUSE'
          ? 'another program has it; stop that or give --port another number (0 for any free one)'
          : `${error.message}; give --listen an address of this computer`;
      reject(new ListenError(`cannot listen on ${address}:${port}: ${remedy}`));
    });
    server.listen(port, address, resolve);
  });
}

async function closeServer(server: Server, sockets: WebSocketServer): Promise<void> {
  // Closing frames get a moment to leave; then what is still open is cut.
  await new Promise((resolve) => setTimeout(resolve, sockets.clients.size > 0 ? 200 : 0));
  for (const socket of sockets.clients) socket.terminate();
  server.closeAllConnections();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}
