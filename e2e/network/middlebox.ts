import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { TlsIdentity } from '../../server/certificate/certificates';

/**
 * What some networks and virus scanners put between a browser and a host: it opens TLS, looks into
 * each connection, and cuts those that are to become a WebSocket.
 */
export class Middlebox {
  readonly port: number;
  /** WebSockets that it has cut. */
  numBlocked = 0;
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param identity with which it passes for the host */
  static async before(hostPort: number, identity: TlsIdentity): Promise<Middlebox> {
    const server = createServer({ ...identity });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const box = new Middlebox(server);
    server.on('secureConnection', (socket) => {
      box.#keep(socket);
      // A browser never turns a connection that it has used already into a WebSocket.
      socket.once('data', (first: Buffer) => box.#pass(socket, first, hostPort));
    });
    return box;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }

  #pass(socket: TLSSocket, first: Buffer, hostPort: number): void {
    if (/^upgrade: *websocket/im.test(first.toString('latin1'))) {
      this.numBlocked++;
      socket.destroy();
      return;
    }
    const host = connect({ port: hostPort, host: '127.0.0.1', rejectUnauthorized: false });
    this.#keep(host);
    host.write(first);
    socket.pipe(host).pipe(socket);
    socket.on('close', () => host.destroy());
    host.on('close', () => socket.destroy());
  }

  #keep(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
