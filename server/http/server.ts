import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { WebSocketServer } from 'ws';
import { maxFrameBytes } from '../../runtime/protocol/frame';
import { acceptWorker } from '../link/accept-worker';
import { WorkerPool } from '../link/worker-pool';
import { Verifications, verificationRoutes } from './verification';
import { refusal } from './visitor';

export { isLoopback } from './visitor';

/** The pages as Vite built them; the host runs beside them, or in tests from its source. */
const builtPages = join(
  import.meta.dirname,
  import.meta.url.endsWith('.ts') ? '../../dist/client' : '../client',
);

/** The port is taken, or the address is none of this computer's. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  /** Another program listens there: another port will do. */
  readonly portIsTaken: boolean;

  constructor(message: string, portIsTaken: boolean) {
    super(message);
    this.portIsTaken = portIsTaken;
  }
}

export interface HostServer {
  /** For this computer: a secure context, unless it listens on one address of the network. */
  readonly url: string;
  /** For other devices, where it listens on all addresses. */
  readonly networkUrls: readonly string[];
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
  app.use((request, response, next) => {
    const why = refusal(request, address);
    if (why === undefined) next();
    else response.status(403).type('text').send(`${why}\n`);
  });
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
  const connections = new Set<Socket>();
  server.on('connection', (connection) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
  });
  server.on('upgrade', (request, socket, head) => {
    // A reset connection is an error that would end the host where nobody listens.
    socket.on('error', () => socket.destroy());
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => socket.destroy());
    };
    // Not through URL: it throws for targets such as `//`.
    if (request.url?.split('?')[0] !== '/worker') {
      refuse('404 Not Found');
      return;
    }
    if (refusal(request, address) !== undefined) {
      refuse('403 Forbidden');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      acceptWorker(webSocket, String(++workers), pool);
    });
  });
  await listen(server, address, port);
  const bound = server.address() as AddressInfo;
  const isForAll = address === '0.0.0.0' || address === '::';
  const isHere = isForAll || ['localhost', '127.0.0.1', '::1'].includes(address);
  return {
    url: urlOf(isHere ? 'localhost' : address, bound.port),
    networkUrls: isForAll ? networkAddresses().map((own) => urlOf(own, bound.port)) : [],
    pool,
    verifications,
    close: () => closeServer(server, sockets, connections),
  };
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/`;
}

/** IPv4 alone: a link-local IPv6 address is none that a person can type. */
function networkAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const portIsTaken = error.code === 'EADDRINUSE';
      const text = `cannot listen on ${address}:${port}: ${remedy(error)}`;
      reject(new ListenError(text, portIsTaken));
    });
    server.listen(port, address, resolve);
  });
}

function remedy({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') {
    return 'another program has it; stop that or give --port another number (0 for any free one)';
  }
  if (code === 'EACCES') return 'this port is for administrators; give --port one above 1023';
  return `${message}; give --listen an address of this computer`;
}

async function closeServer(
  server: Server,
  sockets: WebSocketServer,
  connections: ReadonlySet<Socket>,
): Promise<void> {
  // Closing frames get a moment to leave; then what is still open is cut.
  await new Promise((resolve) => setTimeout(resolve, sockets.clients.size > 0 ? 200 : 0));
  // Not `closeAllConnections()`: it does not know those that asked for an upgrade.
  for (const connection of connections) connection.destroy();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}
