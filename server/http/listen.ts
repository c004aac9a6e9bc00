import type { AddressInfo, Server, Socket } from 'node:net';
import { maxConnections, maxConnectionsOfAddress } from './limits';

/** The port is taken, or the address is none of this computer's. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  /** Another program listens there: another port will do. */
  readonly portIsTaken: boolean;

  constructor(message: string, portIsTaken: boolean) {
    super(message);
    this.portIsTaken = portIsTaken;
  }
}

/** A server that listens, with every connection that it has. */
export class Listener {
  readonly port: number;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #ofAddress = new Map<string, number>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.maxConnections = maxConnections;
    server.on('connection', (connection: Socket) => this.#count(connection));
  }

  /**
   * @param port 0 for any free one
   * @param option what names another port on the command line
   * @throws ListenError when it can't listen there
   */
  static start(server: Server, address: string, port: number, option: string): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => {
        const text = `cannot listen on ${address}:${port}: ${remedy(error, option)}`;
        reject(new ListenError(text, error.code === 'EADDRINUSE'));
      };
      server.once('error', fail);
      server.listen(port, address, () => {
        server.off('error', fail);
        resolve(new Listener(server));
      });
    });
  }

  #count(connection: Socket): void {
    const { remoteAddress = '' } = connection;
    const ofAddress = (this.#ofAddress.get(remoteAddress) ?? 0) + 1;
    if (ofAddress > maxConnectionsOfAddress) {
      connection.destroy();
      return;
    }
    this.#ofAddress.set(remoteAddress, ofAddress);
    this.#connections.add(connection);
    connection.once('close', () => {
      this.#connections.delete(connection);
      const left = (this.#ofAddress.get(remoteAddress) ?? 1) - 1;
      if (left > 0) this.#ofAddress.set(remoteAddress, left);
      else this.#ofAddress.delete(remoteAddress);
    });
  }

  /** Cuts what is open, and listens no more. */
  async close(): Promise<void> {
    // Not `closeAllConnections()`: it does not know those that asked for an upgrade.
    for (const connection of this.#connections) connection.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

function remedy({ code, message }: NodeJS.ErrnoException, option: string): string {
  if (code === 'EADDRINUSE') {
    return `another program has it; stop that or give ${option} another number (0 for any free one)`;
  }
  if (code === 'EACCES') return `this port is for administrators; give ${option} one above 1023`;
  return `${message}; give --listen an address of this computer`;
}
