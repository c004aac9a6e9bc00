import type { Lane } from './link';
import type { WebSocketLike } from './platform';
import { decodeRecord, type LinkRecord } from './record';

export interface LaneHandlers {
  readonly take: (lane: Lane, record: LinkRecord) => void;
  /** It ended, or brought what is no record; `wasClosed` where the other end closed it. */
  readonly lost: (lane: Lane, error: Error, wasClosed?: boolean) => void;
}

const open = 1;
/** The code of a connection that ended without a goodbye. */
const brokenOff = 1006;

/** A WebSocket that the worker opened: each message is a record. */
export class WebSocketLane implements Lane {
  readonly name: string;
  readonly #socket: WebSocketLike;

  constructor(name: string, socket: WebSocketLike, { take, lost }: LaneHandlers) {
    this.name = name;
    this.#socket = socket;
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

  send(record: Uint8Array<ArrayBuffer>): void {
    if (this.#socket.readyState === open) this.#socket.send(record);
  }

  bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    // A page may close with 1000 or 3000 to 4999 only.
    this.#socket.close(code === 1000 ? code : 3000, reason);
  }
}

function bytesOf(data: unknown): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return data instanceof Uint8Array ? data : new Uint8Array(0);
}
