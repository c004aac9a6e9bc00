import { randomBytes } from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import { WebSocket } from 'ws';
import type { LinkPlatform, RequestLike, ResponseLike } from '../../runtime/link/platform';
import { maxRecordBytes } from '../../runtime/link/record';
import { StreamLane, streamProtocol } from './stream-lane';

export interface NodePlatformOptions {
  /** PEM of the certificate authority that the host's certificate is of, if not a public one. */
  readonly ca?: string;
}

/**
 * Masks keep a page's script from writing bytes of its choice to a proxy on the way. Within TLS
 * there is no such proxy, and a key of zeros spares both ends a pass over each byte.
 */
const zeroMask = (key: Uint8Array): void => void key.fill(0);

/** What a worker in Node reaches the host by. Not fetch: it knows no authority but the system's. */
export function nodePlatform(options: NodePlatformOptions = {}): LinkPlatform {
  return {
    // The others are slower between two processes (docs/benchmark-link.md): nothing to measure.
    fastest: 'stream',
    webSocket: (url) =>
      new WebSocket(url, {
        ...options,
        perMessageDeflate: false,
        maxPayload: maxRecordBytes,
        ...(url.startsWith('wss:') && { generateMask: zeroMask }),
      }),
    copiesAtSend: false,
    request: (url, body) => request(url, body, options),
    stream: (url, limitMs) => openStream(url, limitMs, options),
    now: () => performance.now(),
    after: (ms, call) => void setTimeout(call, ms),
    randomId: () => randomBytes(16).toString('hex'),
  };
}

function openStream(
  url: string,
  limitMs: number,
  options: NodePlatformOptions,
): ReturnType<NonNullable<LinkPlatform['stream']>> {
  const headers = { connection: 'Upgrade', upgrade: streamProtocol };
  const outgoing = clientOf(url).request(url, { ...options, headers });
  return new Promise((resolve, reject) => {
    const late = new Error(`no answer within ${limitMs / 1000} s`);
    const timer = setTimeout(() => outgoing.destroy(late), limitMs);
    outgoing.on('error', reject);
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.on('response', ({ statusCode = 0 }) => {
      outgoing.destroy(new Error(`the host answered ${statusCode}`));
    });
    outgoing.on('upgrade', (_response, socket, head) => {
      clearTimeout(timer);
      resolve((handlers) => new StreamLane(socket, head, handlers));
    });
    outgoing.end();
  });
}

function clientOf(url: string): typeof http | typeof https {
  return url.startsWith('https:') ? https : http;
}

function request(
  url: string,
  body: readonly Uint8Array[] | undefined,
  options: NodePlatformOptions,
): RequestLike {
  const outgoing = clientOf(url).request(url, { ...options, method: body ? 'POST' : 'GET' });
  if (body) {
    const bytes = body.reduce((sum, part) => sum + part.length, 0);
    outgoing.setHeader('content-length', bytes);
  }
  const response = new Promise<ResponseLike>((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const { statusCode: status = 0 } = incoming;
      // The answer to a POST is its status.
      if (body) incoming.resume();
      resolve({
        ok: status >= 200 && status < 300,
        status,
        body: { getReader: () => readerOf(incoming) },
      });
    });
  });
  for (const part of body ?? []) outgoing.write(part);
  outgoing.end();
  return { response, abort: () => void outgoing.destroy() };
}

function readerOf(
  incoming: http.IncomingMessage,
): ReturnType<NonNullable<ResponseLike['body']>['getReader']> {
  const pieces = incoming[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  return {
    read: async () => {
      const { done, value } = await pieces.next();
      return done ? { done } : { done: false, value };
    },
  };
}
