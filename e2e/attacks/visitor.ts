import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import type { OutgoingHttpHeaders } from 'node:http';
import { get } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { WebSocket, type ClientOptions } from 'ws';
import { RecordReader } from '../../runtime/link/record';
import { statement } from '../../runtime/pairing/proof';
import { protocolVersion } from '../../runtime/protocol/message';
import { joined } from '../../runtime/protocol/pieces';
import { streamProtocol } from '../../server/link/stream-lane';

/** Who attacks: it takes any certificate. */
const reckless = { rejectUnauthorized: false } as const;

/** What a visitor got out of a WebSocket until it was closed. */
export interface Loot {
  /** The type of each message, refusals with their reason. */
  readonly said: readonly string[];
  /** Binary messages: a tensor would be one. */
  readonly numBinary: number;
  /** The close code, or the HTTP status of a refused upgrade. */
  readonly end: number;
}

export const hello = {
  type: 'hello',
  protocol: protocolVersion,
  engine: 'cpu',
  device: 'an intruder',
  agent: '',
  instance: 'intruder',
};

/**
 * Opens a WebSocket, sends `first`, and answers a challenge by what `answer` makes of the nonce.
 * Resolves when the host has closed it.
 */
export function visit(
  origin: string,
  first: readonly (object | string | Uint8Array)[],
  answer: (nonce: string) => object | undefined = () => undefined,
  options: ClientOptions = {},
): Promise<Loot> {
  const url = `${origin.replace(/^http/, 'ws')}/worker`;
  const socket = new WebSocket(url, { ...reckless, ...options });
  const said: string[] = [];
  let numBinary = 0;
  return new Promise((resolve, reject) => {
    const send = (message: object | string | Uint8Array): void => {
      const isRaw = typeof message === 'string' || message instanceof Uint8Array;
      socket.send(isRaw ? message : JSON.stringify(message));
    };
    socket.on('open', () => first.forEach(send));
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        numBinary++;
        return;
      }
      const { type, reason, nonce } = JSON.parse(data.toString()) as Record<string, string>;
      if (type === 'ping' || type === 'credit') return;
      said.push([type, reason].filter(Boolean).join(' '));
      const next = nonce === undefined ? undefined : answer(nonce);
      if (next) send(next);
    });
    socket.on('unexpected-response', (_request, { statusCode = 0 }) => {
      socket.terminate();
      resolve({ said, numBinary, end: statusCode });
    });
    socket.on('close', (end) => resolve({ said, numBinary, end }));
    // The close that follows tells.
    socket.on('error', (error) => {
      if (socket.readyState === WebSocket.CONNECTING) reject(error);
    });
  });
}

/**
 * Opens a stream as a lane of a link, sends these bytes on it, and takes what comes until the host
 * has closed it. `end` is the status of the answer, 101 where there is a stream.
 */
export async function visitStream(
  origin: string,
  bytes: Uint8Array,
  headers: OutgoingHttpHeaders = {},
  opensLink = true,
): Promise<Loot> {
  const id = randomBytes(16).toString('hex');
  const down = opensLink ? get(`${origin}/api/link/${id}/get`, reckless) : undefined;
  down?.on('error', () => undefined);
  if (down) await once(down, 'response');
  const upgrade = { connection: 'Upgrade', upgrade: streamProtocol, ...headers };
  const outgoing = get(`${origin}/worker?link=${id}&lane=stream`, {
    ...reckless,
    headers: upgrade,
  });
  const said: string[] = [];
  let numBinary = 0;
  const reader = new RecordReader({
    take: ({ kind, body }) => {
      if (kind === 'frame') numBinary++;
      else said.push((JSON.parse(new TextDecoder().decode(joined(body))) as { type: string }).type);
    },
  });
  return new Promise((resolve, reject) => {
    const finish = (end: number): void => {
      down?.destroy();
      resolve({ said, numBinary, end });
    };
    outgoing.on('error', reject);
    outgoing.on('response', ({ statusCode = 0 }) => finish(statusCode));
    outgoing.on('upgrade', ({ statusCode = 0 }, socket, head) => {
      socket.on('data', (piece: Buffer) => reader.push(piece));
      socket.on('error', () => undefined);
      socket.on('close', () => finish(statusCode));
      if (head.length > 0) socket.unshift(head);
      socket.write(bytes);
    });
  });
}

/** A proof by a fresh key, with a code or without. */
export function proof(nonce: string, code?: string): object {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    type: 'prove',
    key: publicKey.export({ format: 'der', type: 'spki' }).toString('base64url'),
    signature: sign('sha256', statement(nonce, code), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    }).toString('base64url'),
    ...(code === undefined ? {} : { code }),
  };
}

/** What comes back for these bytes over TLS, until the host closes. */
export function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', ...reckless }, () => socket.write(text));
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}
