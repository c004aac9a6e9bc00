import { ProtocolError } from './error';
import { FrameReceiver, FrameSender, type Place, type TrafficClass } from './flow';
import type { WireTensor } from './frame';
import { byteLength, type Pieces, type SendablePieces } from './pieces';

/** The part of a WebSocket that both ends need. */
export interface Socket {
  sendText(message: string): void;
  /**
   * @param sent to be called when the socket does not read the message's memory any more; one that
   * is gone need not call it, but has to end the connection
   */
  sendBinary(message: SendablePieces, sent: () => void): void;
  /** The longest chunk of the pipeline class to send over it; 512 KiB by default. */
  readonly chunkBytes?: number;
  /** Bytes that were handed over and have not left yet. */
  bufferedAmount(): number;
  close(code: number, reason: string): void;
}

/** Messages that the connection itself takes care of; both directions have them. */
export type Housekeeping =
  { type: 'credit'; class: TrafficClass; bytes: number } | { type: 'ping' } | { type: 'pong' };

export interface ConnectionHandlers<Incoming> {
  /** Throwing closes the connection with the error. */
  message(message: Incoming): void;
  /** Throwing closes the connection with the error. */
  tensor(tensor: WireTensor): void;
  /** Called once; nothing comes after it. */
  closed(error: Error): void;
}

/** The other end is gone or broke the protocol. */
export class ConnectionClosedError extends Error {
  override readonly name = 'ConnectionClosedError';
}

/** Silence after which the other end counts as gone: ten missed beats. */
export const silenceLimitMs = 20_000;
/** How often the owner of a connection is to call `beat`. */
export const beatIntervalMs = 2_000;

const normalClosure = 1000;
const protocolViolation = 1002;
/** WebSocket close reasons are limited to 123 bytes of UTF-8. */
const maxReasonLength = 100;

/**
 * Control messages and tensors over one socket: parses what comes, cuts and assembles tensors,
 * returns credit, answers heartbeats, and notices when the other end has gone silent.
 */
export class Connection<Outgoing extends { type: string }, Incoming extends { type: string }> {
  /** Bytes of messages and frames, without WebSocket and TCP headers. */
  bytesSent = 0;
  bytesReceived = 0;
  readonly #socket: Socket;
  readonly #parse: (json: string) => Incoming | Housekeeping;
  readonly #handlers: ConnectionHandlers<Incoming>;
  readonly #sender: FrameSender;
  readonly #receiver: FrameReceiver;
  readonly #sending = new Set<Promise<void>>();
  #lastHeard = Date.now();
  #closed: Error | undefined;

  constructor(
    socket: Socket,
    parse: (json: string) => Incoming | Housekeeping,
    handlers: ConnectionHandlers<Incoming>,
  ) {
    this.#socket = socket;
    this.#parse = parse;
    this.#handlers = handlers;
    this.#sender = new FrameSender({
      send: (message, sent) => {
        this.bytesSent += byteLength(message);
        socket.sendBinary(message, sent);
      },
      bufferedAmount: () => socket.bufferedAmount(),
      ...(socket.chunkBytes !== undefined && { chunkBytes: socket.chunkBytes }),
    });
    this.#receiver = new FrameReceiver({
      grant: (trafficClass, bytes) => {
        this.#sendText({ type: 'credit', class: trafficClass, bytes });
      },
    });
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** How long nothing has come from the other end. */
  get silenceMs(): number {
    return Date.now() - this.#lastHeard;
  }

  /** Sends a control message; it overtakes tensors that wait for credit. */
  send(message: Outgoing): void {
    this.#sendText(message);
  }

  /**
   * Resolves when the tensor has left, and its memory may change; rejects when the connection
   * closes.
   */
  sendTensor(tensor: WireTensor): Promise<void> {
    const sent = this.#sender.sendTensor(tensor);
    const settled = sent.then(
      () => void this.#sending.delete(settled),
      () => void this.#sending.delete(settled),
    );
    this.#sending.add(settled);
    return sent;
  }

  /** Resolves when no tensor waits to be sent any more. */
  async drained(): Promise<void> {
    await Promise.all(this.#sending);
  }

  /** Where the payload of a binary message that begins like this is to be put, if it has a place. */
  place(start: Uint8Array): Place | undefined {
    return this.#closed ? undefined : this.#receiver.place(start);
  }

  /** Takes what the socket received: a text, or the pieces of a binary message. */
  receive(data: string | Pieces): void {
    if (this.#closed) return;
    this.#lastHeard = Date.now();
    this.bytesReceived += typeof data === 'string' ? data.length : byteLength(data);
    try {
      if (typeof data === 'string') this.#receiveMessage(this.#parse(data));
      else {
        const tensor = this.#receiver.receive(data);
        if (tensor) this.#handlers.tensor(tensor);
      }
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Takes the memory of a tensor that came from here, and that nobody reads any more. */
  release(tensor: Pick<WireTensor, 'kind' | 'data'>): void {
    this.#receiver.release(tensor);
  }

  /** To be called every {@link beatIntervalMs}: sends a heartbeat and closes after long silence. */
  beat(): void {
    if (this.#closed) return;
    const silence = this.silenceMs;
    if (silence > silenceLimitMs) {
      this.close(
        new ConnectionClosedError(`nothing was heard for ${Math.round(silence / 1000)} s`),
      );
      return;
    }
    this.#sender.pump();
    this.#sendText({ type: 'ping' });
  }

  /** To be called when the socket can take more. */
  pump(): void {
    this.#sender.pump();
  }

  /** Ends the connection; whoever waits for a send gets the error. */
  close(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#sender.close(error);
    const code = error instanceof ProtocolError ? protocolViolation : normalClosure;
    this.#socket.close(code, error.message.slice(0, maxReasonLength));
    this.#handlers.closed(error);
  }

  #receiveMessage(message: Incoming | Housekeeping): void {
    if (isHousekeeping(message)) {
      if (message.type === 'credit') this.#sender.grant(message.class, message.bytes);
      else if (message.type === 'ping') this.#sendText({ type: 'pong' });
      return;
    }
    this.#handlers.message(message);
  }

  #sendText(message: Outgoing | Housekeeping): void {
    if (this.#closed) return;
    const json = JSON.stringify(message);
    this.bytesSent += json.length;
    this.#socket.sendText(json);
  }
}

function isHousekeeping(message: { type: string }): message is Housekeeping {
  return message.type === 'credit' || message.type === 'ping' || message.type === 'pong';
}
