import type { LinkFacts, TransportChoice } from '../../../runtime/link/control';
import { describeTransport } from '../../../runtime/link/description';
import type { LinkPlatform } from '../../../runtime/link/platform';
import { WorkerLink } from '../../../runtime/link/worker-link';
import { Connection } from '../../../runtime/protocol/connection';
import {
  parseHostMessage,
  protocolVersion,
  type HostMessage,
  type WorkerMessage,
} from '../../../runtime/protocol/message';
import type { Rates } from './contestant';
import { keepSending } from './traffic';

/** Buffers fill, and the sockets' windows grow. */
const warmUpMs = 500;

/**
 * The real path: joins as a worker does, and moves tensors both ways.
 * @param usesUp tensors are used up at once, as where an engine uploads them; an engine in another
 * thread keeps their memory
 */
export async function measureLink(
  origin: string,
  platform: LinkPlatform,
  choice: TransportChoice,
  forMs: number,
  usesUp: boolean,
): Promise<Rates> {
  const made: { connection?: Connection<WorkerMessage, HostMessage> } = {};
  let chosen: LinkFacts | undefined;
  let welcomed: () => void = () => undefined;
  const welcome = new Promise<void>((resolve) => (welcomed = resolve));
  let failed: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => (failed = reject));
  failure.catch(() => undefined);
  const way = new WorkerLink(origin, platform, {
    receive: (message) => {
      made.connection?.receive(message);
      made.connection?.pump();
    },
    place: (start) => made.connection?.place(start),
    drained: () => made.connection?.pump(),
    chosen: (facts) => {
      chosen = facts;
    },
    closed: failed,
  });
  await way.open();
  const opened = new Connection<WorkerMessage, HostMessage>(way.link, parseHostMessage, {
    message: ({ type }) => {
      if (type === 'welcome') welcomed();
    },
    tensor: (tensor) => {
      if (usesUp) opened.release(tensor);
    },
    closed: failed,
  });
  made.connection = opened;
  opened.send({
    type: 'hello',
    protocol: protocolVersion,
    engine: 'cpu',
    device: 'benchmark',
    agent: choice,
    instance: platform.randomId(),
  });
  await Promise.race([welcome, failure]);
  keepSending(opened, 'gradient');
  await Promise.race([sleep(warmUpMs, platform), failure]);
  const before = { at: platform.now(), down: opened.bytesReceived, up: opened.bytesSent };
  await Promise.race([sleep(forMs, platform), failure]);
  const seconds = (platform.now() - before.at) / 1000;
  const rates = {
    contestant: choice,
    down: (opened.bytesReceived - before.down) / seconds,
    up: (opened.bytesSent - before.up) / seconds,
    ...(choice === 'auto' && chosen && { chose: describeTransport(chosen) }),
    ...(chosen?.down === chosen?.up && chosen && { way: chosen.down }),
  };
  opened.close(new Error('measured'));
  return rates;
}

/** Messages that are on the way at a time, of as many bytes: what the fastest of a search took. */
const echoes = 32;
const echoBytes = 256 * 1024;

/** A bare WebSocket whose other end sends back what it gets. */
export function measureEcho(origin: string, platform: LinkPlatform, forMs: number): Promise<Rates> {
  const socket = platform.webSocket(`${origin.replace(/^http/, 'ws')}/echo`);
  socket.binaryType = 'arraybuffer';
  return new Promise((resolve, reject) => {
    let count = 0;
    const message = new Uint8Array(echoBytes);
    socket.addEventListener('message', () => {
      count++;
      socket.send(message);
    });
    socket.addEventListener('error', () => reject(new Error('the echo ended')));
    socket.addEventListener('open', () => {
      for (let each = 0; each < echoes; each++) socket.send(message);
      platform.after(warmUpMs, () => {
        const [from, at] = [count, platform.now()];
        platform.after(forMs, () => {
          const rate = (echoBytes * (count - from) * 1000) / (platform.now() - at);
          socket.close(1000);
          resolve({ contestant: 'echo', down: rate, up: rate });
        });
      });
    });
  });
}

function sleep(ms: number, platform: LinkPlatform): Promise<void> {
  return new Promise((resolve) => platform.after(ms, resolve));
}
