import type { X509Certificate } from 'node:crypto';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Express } from 'express';
import type { Certificates } from '../certificate/certificates';
import { acceptWorker } from '../link/accept-worker';
import { Links } from '../link/links';
import { WorkerPool } from '../link/worker-pool';
import { Benchmarks } from './benchmark';
import type { Pairing } from '../pairing/pairing';
import { doorRoutes } from './door';
import { secureHeaders } from './headers';
import { handshakeTimeoutMs, requestLimits } from './limits';
import { Listener } from './listen';
import { namesAt } from './names';
import { builtPages, pageRoutes } from './pages';
import { renewCertificate } from './renewal';
import { answerTrustCheck } from './trust-check';
import { Verifications } from './verification';
import { isAtHome, isLoopback, refusal } from './visitor';
import { WorkerSockets } from './worker-sockets';

export { isLoopback } from './visitor';
export { ListenError } from './listen';

export interface ServerOptions {
  /** The folder of the built pages. */
  readonly pages?: string;
  /** HTTPS beside HTTP, which other devices need; `port` 0 for any free one. */
  readonly secure?: { readonly port: number; readonly certificates: Certificates };
  /** Whom to let in as a worker; without it everybody who reaches the server. */
  readonly pairing?: Pairing;
}

export interface HostServer {
  /** For this computer: a secure context, unless it listens on one address of the network. */
  readonly url: string;
  /** The same over HTTPS, where it is served. */
  readonly secureUrl: string | undefined;
  /** Whether other devices can reach it. */
  readonly isOpenToNetwork: boolean;
  /** The authority that other devices are to trust, where HTTPS is served. */
  readonly authority: X509Certificate | undefined;
  readonly pairing: Pairing | undefined;
  readonly pool: WorkerPool;
  readonly links: Links;
  readonly verifications: Verifications;
  readonly benchmarks: Benchmarks;
  close(): Promise<void>;
}

/**
 * Serves the pages, takes workers at `/worker` and the pages' reports under `/api`: over HTTPS to
 * everybody, over HTTP to this computer. Other devices learn over HTTP how to get to HTTPS.
 * @param port 0 for any free one
 * @throws ListenError when it can't listen there, CertificateError, HomeError
 */
export async function startServer(
  address: string,
  port: number,
  { pages = builtPages, secure, pairing }: ServerOptions = {},
): Promise<HostServer> {
  const pool = new WorkerPool();
  const verifications = new Verifications();
  const benchmarks = new Benchmarks();
  let workers = 0;
  const links = new Links((channel) => acceptWorker(channel, String(++workers), pool, pairing));
  const reception: Reception = {
    app: pageRoutes(pages, [links.routes(), verifications.routes(), benchmarks.routes()]),
    sockets: new WorkerSockets(links),
    names: namesAt(address, secure && (() => secure.certificates.names)),
  };
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    await reception.sockets.close();
    await Promise.all(opened.map((listener) => listener.close()));
  };
  try {
    let securePort: number | undefined;
    const door = secure && doorRoutes(pages, secure.certificates, () => securePort ?? secure.port);
    const server = createHttpServer(requestLimits);
    receive(server, 'http:', { ...reception, door });
    const listener = await Listener.start(server, address, port, '--port');
    opened.push(listener);
    if (secure) {
      const secureListener = await listenSecurely(address, secure, reception);
      opened.push(secureListener);
      securePort = secureListener.port;
    }
    const name = isHere(address) ? 'localhost' : address;
    return {
      url: urlOf('http:', name, listener.port),
      secureUrl: securePort === undefined ? undefined : urlOf('https:', name, securePort),
      isOpenToNetwork: !isLoopback(address),
      authority: await secure?.certificates.authority(),
      pairing,
      pool,
      links,
      verifications,
      benchmarks,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Who answers requests. */
interface Reception {
  readonly app: Express;
  readonly sockets: WorkerSockets;
  /** By what this computer may be called. */
  readonly names: () => ReadonlySet<string>;
  /** Answers visitors from elsewhere; without it they get what is asked for. */
  readonly door?: Express | undefined;
}

function receive(
  server: HttpServer | HttpsServer,
  scheme: string,
  { app, sockets, names, door }: Reception,
): void {
  server.on('request', (request, response) => {
    secureHeaders(request, response, scheme);
    if (scheme === 'https:' && answerTrustCheck(request, response, names())) return;
    const why = refusal(request, scheme, names());
    if (why !== undefined) {
      response.writeHead(403, { 'content-type': 'text/plain' }).end(`${why}\n`);
    } else if (door && !isAtHome(request)) door(request, response);
    else app(request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    const why = door && !isAtHome(request) ? 'workers join over https' : undefined;
    sockets.upgrade(request, socket, head, why ?? refusal(request, scheme, names()));
  });
}

/** Listens for TLS, with a certificate that follows this computer's addresses. */
async function listenSecurely(
  address: string,
  { port, certificates }: NonNullable<ServerOptions['secure']>,
  reception: Reception,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const identity = await certificates.identity();
  const server = createHttpsServer({
    ...requestLimits,
    ...identity,
    minVersion: 'TLSv1.2',
    handshakeTimeout: handshakeTimeoutMs,
  });
  receive(server, 'https:', reception);
  const listener = await Listener.start(server, address, port, '--https-port');
  const stopRenewing = renewCertificate(server, certificates, identity, (error) => {
    process.emitWarning(error instanceof Error ? error : String(error));
  });
  return {
    port: listener.port,
    close: () => {
      stopRenewing();
      return listener.close();
    },
  };
}

/** Whether a server that listens there is reached as `localhost`. */
function isHere(address: string): boolean {
  return ['0.0.0.0', '::', 'localhost', '127.0.0.1', '::1'].includes(address);
}

function urlOf(scheme: string, host: string, port: number): string {
  return `${scheme}//${host.includes(':') ? `[${host}]` : host}:${port}/`;
}
