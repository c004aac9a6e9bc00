import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { maxRecordBytes } from '../../runtime/link/record';
import type { Links } from '../link/links';
import { streamProtocol } from '../link/stream-lane';

/** Closing frames get this long to leave. */
const goodbyeMs = 200;

/** Turns requests for an upgrade at `/worker` into WebSockets and streams of workers' links. */
export class WorkerSockets {
  readonly #links: Links;
  readonly #streams = new Set<Duplex>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // A longer message closes the connection.
    maxPayload: maxRecordBytes,
  });

  constructor(links: Links) {
    this.#links = links;
  }

  /** @param refusal why the visitor may not join, where it may not */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    refusal: string | undefined,
  ): void {
    // A reset connection is an error that would end the host where nobody listens.
    socket.on('error', () => socket.destroy());
    // Not through URL: it throws for targets such as `//`.
    if (request.url?.split('?')[0] !== '/worker') refuse(socket, '404 Not Found');
    else if (refusal !== undefined) refuse(socket, '403 Forbidden');
    else if (request.headers.upgrade === streamProtocol) {
      if (request.method !== 'GET') refuse(socket, '405 Method Not Allowed');
      else if (!this.#links.attachStream(socket, head, request)) refuse(socket, '404 Not Found');
      else {
        this.#streams.add(socket);
        socket.on('close', () => this.#streams.delete(socket));
      }
    } else {
      this.#server.handleUpgrade(request, socket, head, (webSocket) => {
        this.#links.attach(webSocket, request);
      });
    }
  }

  /** Resolves when what closes has had its moment to leave. */
  async close(): Promise<void> {
    const count = this.#server.clients.size + this.#streams.size;
    await new Promise((resolve) => setTimeout(resolve, count > 0 ? goodbyeMs : 0));
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => socket.destroy());
}
