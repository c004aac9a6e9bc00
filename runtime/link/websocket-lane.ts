import { byteLength, joined, type SendablePieces } from '../protocol/pieces';
import type { Lane, LaneHandlers } from './link';
import type { LinkPlatform, WebSocketLike } from './platform';
import { decodeRecord } from './record';

/** A browser's WebSocket does not tell when it has sent what it was given. */
const drainPollMs = 4;

const open = 1;
/** The code of a connection that ended without a goodbye. */
const brokenOff = 1006;

/** A WebSocket that the worker opened: each message is a record. */
export class WebSocketLane implements Lane {
  readonly name: string;
  readonly #socket: WebSocketLike;
  readonly #platform: LinkPlatform;
  readonly #drained: () => void;
  /** Room for the longest message yet. */
  #message = new Uint8Array(0);
  #isPolling = false;

  constructor(
    name: string,
    socket: WebSocketLike,
    platform: LinkPlatform,
    { take, lost, drained }: LaneHandlers,
  ) {
    this.name = name;
    this.#socket = socket;
    this.#platform = platform;
    this.#drained = drained;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => {
      try {
        take(this, decodeRecord(bytesOf(data)));
      } catch (error) {
        lost(this, error instanceof Error ? error : new Error(String(error)));
      }
    });
    let why = '';
    socket.addEventListener('error', (event) => {
      if ('message' in event && typeof event.message === 'string') why = event.message;
    });
    socket.addEventListener('close', ({ code, reason }) => {
      lost(this, new Error(reason || why || `the connection closed (${code})`), code !== brokenOff);
    });
  }

  send(record: SendablePieces, sent?: () => void): void {
    if (this.#socket.readyState !== open) return;
    this.#socket.send(this.#joined(record));
    sent?.();
    if (!this.#isPolling) this.#poll();
  }

  bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    // A page may close with 1000 or 3000 to 4999 only.
    this.#socket.close(code === 1000 ? code : 3000, reason);
  }

  /** A browser's WebSocket takes a message in one piece. */
  #joined(record: SendablePieces): Uint8Array<ArrayBuffer> {
    if (!this.#platform.copiesAtSend) return joined(record);
    const bytes = byteLength(record);
    if (this.#message.length < bytes) this.#message = new Uint8Array(bytes);
    return joined(record, this.#message);
  }

  /** Tells each time that some of it has left, until all has. */
  #poll(): void {
    const before = this.#socket.bufferedAmount;
    this.#isPolling = before > 0 && this.#socket.readyState === open;
    if (!this.#isPolling) return;
    this.#platform.after(drainPollMs, () => {
      if (this.#socket.bufferedAmount < before) this.#drained();
      this.#poll();
    });
  }
}

function bytesOf(data: unknown): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return data instanceof Uint8Array ? data : new Uint8Array(0);
}
