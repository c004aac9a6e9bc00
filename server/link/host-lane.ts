import type { ServerResponse } from 'node:http';
import type { WebSocket } from 'ws';
import type { Lane, LaneHandlers } from '../../runtime/link/link';
import { decodeRecord } from '../../runtime/link/record';
import type { SendablePieces } from '../../runtime/protocol/pieces';
import { sendMessage, writePieces } from './outgoing-pieces';
import { bytesOf } from './worker-channel';

/** The code of a connection that ended without a goodbye. */
const brokenOff = 1006;

/** The host's end of one WebSocket of a link: each message is a record. */
export class WebSocketHostLane implements Lane {
  readonly name: string;
  readonly #socket: WebSocket;
  readonly #drained: () => void;

  constructor(name: string, socket: WebSocket, { take, drained, lost }: LaneHandlers) {
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

  send(record: SendablePieces, sent?: () => void): void {
    sendMessage(this.#socket, record, () => {
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

  constructor(response: ServerResponse, { drained, lost }: LaneHandlers) {
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

  send(record: SendablePieces, sent?: () => void): void {
    writePieces(this.#response, record, () => {
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
