import type { Duplex } from 'node:stream';
import type { Lane, LaneHandlers } from '../../runtime/link/link';
import { RecordReader } from '../../runtime/link/record';
import type { SendablePieces } from '../../runtime/protocol/pieces';
import { writePieces } from './outgoing-pieces';

/** What a request for an upgrade asks for. */
export const streamProtocol = 'tandem-records';

/** What waits gets this long to leave, a goodbye behind a few MiB over Wi-Fi too. */
const goodbyeMs = 5_000;

/**
 * Records one after another, both ways over one socket without frames of another protocol around
 * them: for a worker that is a program. Both ends have this class.
 */
export class StreamLane implements Lane {
  readonly name = 'stream';
  readonly #socket: Duplex;
  readonly #drained: () => void;

  /** @param head what came behind the headers of the request or its answer */
  constructor(socket: Duplex, head: Uint8Array, { take, place, drained, lost }: LaneHandlers) {
    this.#socket = socket;
    this.#drained = drained;
    const records = new RecordReader({ take: (record) => take(this, record), place });
    // It comes behind this constructor, as all else does.
    if (head.length > 0) socket.unshift(head);
    socket.on('data', (piece: Uint8Array) => {
      try {
        records.push(piece);
      } catch (error) {
        lost(this, error instanceof Error ? error : new Error(String(error)));
        socket.destroy();
      }
    });
    socket.on('end', () => {
      this.close();
      lost(this, new Error('its connection closed'), records.isBetweenRecords);
    });
    socket.on('error', (error) => lost(this, error));
    socket.on('close', () => lost(this, new Error('its connection broke')));
  }

  send(record: SendablePieces, sent?: () => void): void {
    writePieces(this.#socket, record, () => {
      sent?.();
      this.#drained();
    });
  }

  bufferedAmount(): number {
    return this.#socket.writableLength;
  }

  close(): void {
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), goodbyeMs).unref();
  }
}
