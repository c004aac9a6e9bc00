/*
 * What the worker's end of a link takes from where it runs: a page's Web Worker, Node, or a test.
 * Browsers' own types fit, and so do those of the `ws` package.
 */

import type { SendablePieces } from '../protocol/pieces';
import type { Transport } from './control';
import type { Lane, LaneHandlers } from './link';

export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open', listener: () => void): void;
  /** Node's tells what was wrong, a browser's does not. */
  addEventListener(type: 'error', listener: (event: object) => void): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(
    type: 'close',
    listener: (event: { code: number; reason: string }) => void,
  ): void;
}

export interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  readonly body: {
    getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };
  } | null;
}

/** One that can be ended, as with an AbortController. */
export interface RequestLike {
  readonly response: Promise<ResponseLike>;
  abort(): void;
}

export interface LinkPlatform {
  /** The way that is the fastest wherever this runs; undefined where it is to be measured. */
  readonly fastest?: Transport | undefined;
  webSocket(url: string): WebSocketLike;
  /** Whether a WebSocket has its own copy of a message when `send` returns, as a browser's has. */
  readonly copiesAtSend: boolean;
  /** Undefined where there are WebSockets alone. A body is sent as it is, a GET has none. */
  readonly request?: (url: string, body?: SendablePieces) => RequestLike;
  /** Opens a socket that carries records alone; undefined in a browser, which has none. */
  readonly stream?: (url: string, limitMs: number) => Promise<(handlers: LaneHandlers) => Lane>;
  /** Time in ms. */
  now(): number;
  /** Calls once after so many ms. */
  after(ms: number, call: () => void): void;
  /** 32 hexadecimal digits that nobody can guess. */
  randomId(): string;
}
