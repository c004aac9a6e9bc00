import { randomBytes } from 'node:crypto';
import { WebSocket, type ClientOptions } from 'ws';
import type { LinkPlatform } from '../../runtime/link/platform';
import { maxRecordBytes } from '../../runtime/link/record';

/**
 * What a worker in Node reaches the host by: WebSockets alone, since Node's fetch knows no
 * certificate authority but the system's.
 */
export function nodePlatform(options: ClientOptions = {}): LinkPlatform {
  return {
    webSocket: (url) =>
      new WebSocket(url, { ...options, perMessageDeflate: false, maxPayload: maxRecordBytes }),
    now: () => performance.now(),
    after: (ms, call) => void setTimeout(call, ms),
    randomId: () => randomBytes(16).toString('hex'),
  };
}
