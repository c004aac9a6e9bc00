import { WebSocket, type RawData } from 'ws';
import { ConnectionClosedError, type Socket } from '../../runtime/protocol/connection';
import type { LinkFacts } from '../../runtime/link/control';
import type { PlaceFrame } from '../../runtime/protocol/flow';
import type { Pieces, SendablePieces } from '../../runtime/protocol/pieces';
import { sendMessage } from './outgoing-pieces';

/** Who takes what comes over a channel. */
export interface ChannelHandlers {
  readonly receive: (message: string | Pieces) => void;
  readonly place: PlaceFrame;
  /** The socket can take more. */
  readonly drained: () => void;
  readonly closed: (error: Error) => void;
}

/** What a connection with a worker goes over: a link of several lanes, or one WebSocket. */
export interface WorkerChannel extends Socket {
  /** To be called once, before anything comes. */
  listen(handlers: ChannelHandlers): void;
  /**
   * Lets the worker measure and choose its transport; undefined where there is none to choose.
   * @param device by which it is known when it comes back; without it every way is measured, and
   * nothing is remembered
   */
  settle(device?: string): Promise<LinkFacts | undefined>;
}

/** A WebSocket whose messages are those of the protocol, without a link: the simplest worker's. */
export class PlainChannel implements WorkerChannel {
  readonly #socket: WebSocket;
  #drained: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  listen({ receive, drained, closed }: ChannelHandlers): void {
    this.#drained = drained;
    this.#socket.on('message', (data, isBinary) => {
      const bytes = bytesOf(data);
      receive(isBinary ? [bytes] : Buffer.from(bytes).toString('utf8'));
    });
    this.#socket.on('error', closed);
    this.#socket.on('close', () => closed(new ConnectionClosedError('its connection closed')));
  }

  settle(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  sendText(message: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  sendBinary(message: SendablePieces, sent: () => void): void {
    sendMessage(this.#socket, message, () => {
      sent();
      this.#drained();
    });
  }

  bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }
}

export function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
