import type { ServerResponse } from 'node:http';
import { WebSocket } from 'ws';
import type { Lane } from '../../runtime/link/link';
import { decodeRecord, type LinkRecord } from '../../runtime/link/record';
import { bytesOf } from './worker-channel';

export interface HostLaneHandlers {
  readonly take: (lane: Lane, record: LinkRecord) => void;
  readonly drained: () => void;
  /** It ended, or brought what is no record; `wasClosed` where the worker closed it. */
  readonly lost: (lane: Lane, error: Error, wasClosed?: boolean) => void;
}

/** The code of a connection that ended without a goodbye. */
const brokenOff = 1006;

/** The host's end of one WebSocket of a link: each message is a record. */
export class WebSocketHostLane implements Lane {
  readonly name: string;
  readonly #socket: WebSocket;
  readonly #drained: () => void;

  constructor(name: string, socket: WebSocket, { take, drained, lost }: HostLaneHandlers) {
    this.name = name;
    this.#socket = socket;
    this.#drained = drained;
    socket.on('message', (data) => {
      try {
        take(this, decodeRecord(bytesOf(data)));
      } catch (error) {
        lost(this, error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on('error', (error) => lost(this, error));
    socket.on('close', (code) => {
      lost(this, new Error('its connection closed'), code !== brokenOff);
    });
  }

  send(record: Uint8Array<ArrayBuffer>, sent?: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(record, () => {
      sent?.();
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

/** The host's end of a response that goes on: records follow one another in its body. */
export class ResponseHostLane implements Lane {
  readonly name = 'get';
  readonly #response: ServerResponse;
  readonly #drained: () => void;

  constructor(response: ServerResponse, { drained, lost }: HostLaneHandlers) {
    this.#response = response;
    this.#drained = drained;
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      // Nothing between the two ends may collect or compress it.
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    response.on('error', (error) => lost(this, error));
    response.on('close', () => lost(this, new Error('its response ended')));
  }

  send(record: Uint8Array<ArrayBuffer>, sent?: () => void): void {
    if (this.#response.writableEnded) return;
    this.#response.write(record, () => {
      sent?.();
      this.#drained();
    });
  }

  bufferedAmount(): number {
    return this.#response.writableLength;
  }

  close(): void {
    this.#response.end();
  }
}
