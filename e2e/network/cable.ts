import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * A cable between a browser and a host: passes bytes on as they come, later, or not at all, and
 * then with no word to either end, as a phone in a pocket does.
 */
export class Cable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isFrozen = false;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param delayMs for each direction */
  static async between(hostPort: number, delayMs = 0, host = '127.0.0.1'): Promise<Cable> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((listening) => server.listen(0, host, listening));
    const cable = new Cable(server);
    server.on('connection', (socket) => {
      const other = connect({ port: hostPort, host, allowHalfOpen: true });
      cable.#carry(socket, other, delayMs);
      cable.#carry(other, socket, delayMs);
    });
    return cable;
  }

  /** From now on nothing comes through; connections stay open. */
  freeze(): void {
    this.#isFrozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }

  #carry(from: Socket, to: Socket, delayMs: number): void {
    this.#sockets.add(from);
    if (this.#isFrozen) from.pause();
    const later = (deliver: () => void): void => {
      if (delayMs === 0) deliver();
      else setTimeout(deliver, delayMs);
    };
    from.on('data', (data: Buffer) => {
      later(() => {
        // Without it a delay would be an endless buffer.
        if (!to.write(data)) from.pause();
      });
    });
    to.on('drain', () => {
      if (!this.#isFrozen) from.resume();
    });
    from.on('end', () => later(() => to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
