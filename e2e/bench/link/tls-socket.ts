import { connect, createServer, type TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import type { BenchmarkHost } from './host';

/** What a plain socket is written by: larger ones were no faster. */
const pieceBytes = 256 * 1024;
const warmUpMs = 500;

/** One plain TLS socket, full in both directions: what Node can do without any protocol. */
export function startTlsPeer({ cert, key }: BenchmarkHost['identity']): Promise<{
  port: number;
  close: () => void;
}> {
  const server = createServer({ cert, key }, fill);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({ port, close: () => void server.close() });
    });
  });
}

/** Bytes a second each way. */
export async function measureTlsSocket(
  port: number,
  ca: string,
  forMs: number,
): Promise<{ down: number; up: number }> {
  const socket = connect({ port, host: 'localhost', ca });
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject);
  });
  fill(socket);
  await sleep(warmUpMs);
  const before = { at: performance.now(), down: socket.bytesRead, up: socket.bytesWritten };
  await sleep(forMs);
  const seconds = (performance.now() - before.at) / 1000;
  const rates = {
    down: (socket.bytesRead - before.down) / seconds,
    up: (socket.bytesWritten - before.up) / seconds,
  };
  socket.destroy();
  return rates;
}

function fill(socket: TLSSocket): void {
  const piece = new Uint8Array(pieceBytes);
  const write = (): void => {
    while (socket.write(piece)) continue;
  };
  socket.on('drain', write);
  socket.on('error', () => undefined);
  socket.resume();
  write();
}
