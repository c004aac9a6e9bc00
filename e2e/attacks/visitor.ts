import { generateKeyPairSync, sign } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { WebSocket, type ClientOptions } from 'ws';
import { statement } from '../../runtime/pairing/proof';
import { protocolVersion } from '../../runtime/protocol/message';

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
