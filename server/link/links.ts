import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Router } from 'express';
import type { WebSocket } from 'ws';
import type { Lane } from '../../runtime/link/link';
import type { TransportChoice } from '../../runtime/link/control';
import { RecordReader } from '../../runtime/link/record';
import { ProtocolError } from '../../runtime/protocol/error';
import { ResponseHostLane, WebSocketHostLane } from './host-lane';
import { HostLink } from './host-link';
import { RememberedChoices } from './remembered-choices';
import { StreamLane, streamProtocol } from './stream-lane';
import { PlainChannel, type WorkerChannel } from './worker-channel';

/** Links at a time, of all workers; each may hold a frame or two that have come in part. */
const maxLinks = 64;
const linkId = /^[0-9a-f]{32}$/;
const webSocketName = /^ws-[0-9]$/;
const switching =
  'HTTP/1.1 101 Switching Protocols\r\n' +
  `Connection: Upgrade\r\nUpgrade: ${streamProtocol}\r\n\r\n`;

/** What a link's requests go up on; the answers are what goes down on it, which is nothing. */
const requestLane: Lane = {
  name: 'post',
  send: () => undefined,
  bufferedAmount: () => 0,
  close: () => undefined,
};

/** Joins the WebSockets, streams and requests that come to the links that they belong to. */
export class Links {
  /** How new workers choose their transport. */
  choice: TransportChoice = 'auto';
  readonly #onChannel: (channel: WorkerChannel) => void;
  readonly #links = new Map<string, HostLink>();
  readonly #remembered = new RememberedChoices();

  /** @param onChannel takes each new worker's channel */
  constructor(onChannel: (channel: WorkerChannel) => void) {
    this.#onChannel = onChannel;
  }

  /** Takes the WebSocket that a request at `/worker` became. */
  attach(socket: WebSocket, request: IncomingMessage): void {
    const { link: id, lane: name } = laneOf(request);
    if (id === null) {
      this.#onChannel(new PlainChannel(socket));
      return;
    }
    const link = webSocketName.test(name) ? this.#open(id, request) : undefined;
    try {
      if (!link) throw new ProtocolError('unexpected', 'expected a link and a lane of it');
      link.add(name, (handlers) => new WebSocketHostLane(name, socket, handlers));
    } catch (error) {
      socket.on('error', () => socket.terminate());
      socket.close(1002, error instanceof Error ? error.message.slice(0, 100) : '');
    }
  }

  /**
   * Takes the socket of a request at `/worker` for a stream; false where there is no link that it
   * could belong to: none begins with a stream.
   */
  attachStream(socket: Duplex, head: Buffer, request: IncomingMessage): boolean {
    const { link: id, lane } = laneOf(request);
    const link = lane === 'stream' ? this.#links.get(id ?? '') : undefined;
    try {
      link?.add('stream', (handlers) => {
        socket.write(switching);
        return new StreamLane(socket, head, handlers);
      });
    } catch (error) {
      socket.destroy();
      if (!(error instanceof ProtocolError)) throw error;
    }
    return link !== undefined;
  }

  /** `GET /link/ID/get`, a response that goes on, and `POST /link/ID/post`. */
  routes(): Router {
    const router = Router();
    router.get('/link/:id/get', (request, response) => {
      const link = this.#open(request.params.id, request);
      if (!link) {
        response.status(404).end();
        return;
      }
      try {
        link.add('get', (handlers) => new ResponseHostLane(response, handlers));
      } catch {
        if (!response.headersSent) response.status(409);
        response.end();
      }
    });
    router.post('/link/:id/post', (request, response) => {
      const link = this.#links.get(request.params.id);
      // One that has ended comes to life again only by a GET.
      if (!link) response.status(404).end();
      else takeRecords(link, request, response);
    });
    return router;
  }

  #open(id: string, { socket }: IncomingMessage): HostLink | undefined {
    if (!linkId.test(id)) return undefined;
    const known = this.#links.get(id);
    if (known || this.#links.size >= maxLinks) return known;
    const link = new HostLink({
      choice: this.choice,
      remembered: this.#remembered,
      route: `${socket.localAddress ?? ''} ${socket.remoteAddress ?? ''}`,
      onEnd: () => this.#links.delete(id),
    });
    this.#links.set(id, link);
    this.#onChannel(link);
    return link;
  }
}

function laneOf({ url }: IncomingMessage): { link: string | null; lane: string } {
  const query = new URLSearchParams(url?.split('?')[1] ?? '');
  return { link: query.get('link'), lane: query.get('lane') ?? '' };
}

/** Answers when all is taken; a request that was cut has brought the records that were whole. */
function takeRecords(link: HostLink, request: IncomingMessage, response: ServerResponse): void {
  const records = new RecordReader({
    take: (record) => link.take(requestLane, record),
    place: (start, sequence) => link.place(start, sequence),
  });
  request.on('data', (piece: Buffer) => {
    try {
      records.push(piece);
    } catch (error) {
      link.fail(error instanceof Error ? error : new Error(String(error)));
      request.destroy();
    }
  });
  request.on('end', () => {
    response.statusCode = records.isBetweenRecords ? 204 : 400;
    response.end();
  });
  // Cut: the worker sends it again.
  request.on('error', () => response.destroy());
}
