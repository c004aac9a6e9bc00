import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { joined } from '../../runtime/protocol/pieces';
import { decodeFrame } from '../../runtime/protocol/frame';
import { decodeRecord } from '../../runtime/link/record';
import { bytesOf } from '../../server/link/worker-channel';

/** What passes: `down` to the worker, or `up` to the host. */
export interface Passing {
  readonly direction: 'down' | 'up';
  /** A message's type, a frame's kind, or `link` for what the link says of itself. */
  readonly what: string;
  readonly step: number | undefined;
  readonly microBatch: number | undefined;
}

/** A way from workers to a host that a test can look into and cut at any message. */
export interface Cable {
  /** To join at, in place of the host's. */
  readonly url: string;
  /** Cuts every connection; new ones can be made. */
  pull(): void;
  /** From now on nothing passes over the connections that are there, and neither end is told. */
  stall(): void;
}

/** @param onPass sees everything before it passes; false drops it */
export async function layCable(
  hostUrl: string,
  onPass: (passing: Passing) => boolean,
): Promise<Cable> {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    path: '/worker',
    perMessageDeflate: false,
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const links = new Set<{ ends: readonly WebSocket[]; isStalled: boolean }>();
  const pull = (): void => {
    for (const { ends } of links) for (const end of ends) end.terminate();
    links.clear();
  };
  server.on('connection', (worker, request) => {
    const host = new WebSocket(new URL(request.url ?? '', hostUrl.replace('http', 'ws')), {
      perMessageDeflate: false,
    });
    const link = { ends: [worker, host], isStalled: false };
    links.add(link);
    const hostIsOpen = new Promise((resolve) => host.once('open', resolve));
    const pass = (from: WebSocket, to: WebSocket, direction: Passing['direction']): void => {
      from.on('error', () => undefined);
      from.on('close', () => {
        if (!link.isStalled) to.terminate();
      });
      from.on('message', (data, isBinary) => {
        const bytes = bytesOf(data);
        void hostIsOpen.then(() => {
          if (link.isStalled || !onPass({ direction, ...describe(bytes) })) return;
          if (to.readyState === WebSocket.OPEN) to.send(bytes, { binary: isBinary });
        });
      });
    };
    pass(worker, host, 'up');
    pass(host, worker, 'down');
  });
  onTestFinished(() => {
    pull();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    pull,
    stall: () => {
      for (const link of links) link.isStalled = true;
    },
  };
}

function describe(bytes: Uint8Array): Omit<Passing, 'direction'> {
  const { kind, body } = decodeRecord(bytes);
  if (kind === 'frame') {
    const { kind: what, step, microBatch } = decodeFrame(body);
    return { what, step, microBatch };
  }
  if (kind !== 'text') return { what: 'link', step: undefined, microBatch: undefined };
  const message = JSON.parse(new TextDecoder().decode(joined(body))) as {
    type: string;
    step?: number;
  };
  return { what: message.type, step: message.step, microBatch: undefined };
}
