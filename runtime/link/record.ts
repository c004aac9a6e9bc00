import { ProtocolError } from '../protocol/error';
import type { Place } from '../protocol/flow';
import { maxFrameBytes, maxFrameHeaderBytes } from '../protocol/frame';
import { byteLength, joined, type Pieces, type SendablePieces } from '../protocol/pieces';

/*
 * What travels on a lane of a link is a record: one message of the connection, or one of the link
 * itself. All integers are little-endian.
 *
 *     byte 0   bytes of the body (u32)       8   kind (u8)
 *     byte 4   sequence number (u32)         9   zeros, then the body at byte 16
 *
 * A WebSocket message is one record. In a stream, and the body of a request or response, records follow one
 * another without gaps.
 */

/** In the order of their codes, which count from 1. The link keeps `text` and `frame` in order. */
const kinds = ['text', 'frame', 'control', 'probe'] as const;
export type RecordKind = (typeof kinds)[number];

interface RecordFields {
  readonly kind: RecordKind;
  /** Counts the `text` and `frame` records of one direction from 0; 0 for the other kinds. */
  readonly sequence: number;
}

export interface LinkRecord extends RecordFields {
  readonly body: Pieces;
}

const recordHeaderBytes = 16;
/** The longest body: control messages and frames share this bound. */
const maxBodyBytes = maxFrameBytes;
export const maxRecordBytes = recordHeaderBytes + maxBodyBytes;

/** The record's header with those of its body, and the last piece of the body as it is. */
export function encodeRecord({
  kind,
  sequence,
  body,
}: RecordFields & { readonly body: SendablePieces }): SendablePieces {
  const headers = joined([new Uint8Array(recordHeaderBytes), ...body.slice(0, -1)]);
  const header = new DataView(headers.buffer);
  header.setUint32(0, byteLength(body), true);
  header.setUint32(4, sequence, true);
  header.setUint32(8, kinds.indexOf(kind) + 1, true);
  return [headers, ...body.slice(-1)];
}

/** The record that a message is; its body is a view. Throws ProtocolError `bad-record`. */
export function decodeRecord(message: Uint8Array): LinkRecord {
  if (message.length < recordHeaderBytes) {
    throw badRecord(`a header of ${recordHeaderBytes} bytes`, `${message.length}`);
  }
  const { bodyBytes, ...fields } = decodeHeader(message);
  const body = message.subarray(recordHeaderBytes);
  if (body.length !== bodyBytes) {
    throw badRecord(`a body of ${bodyBytes} bytes`, `${body.length}`);
  }
  return { ...fields, body: [body] };
}

function decodeHeader(bytes: Uint8Array): RecordFields & { readonly bodyBytes: number } {
  const header = new DataView(bytes.buffer, bytes.byteOffset, recordHeaderBytes);
  const bodyBytes = header.getUint32(0, true);
  const sequence = header.getUint32(4, true);
  const kind = kinds[header.getUint8(8) - 1];
  if (kind === undefined) {
    throw badRecord(`kind 1 to ${kinds.length}`, `${header.getUint8(8)}`);
  }
  if (bodyBytes > maxBodyBytes) {
    throw badRecord(`a body of at most ${maxBodyBytes} bytes`, `${bodyBytes}`);
  }
  return { kind, sequence, bodyBytes };
}

/** Where the payload goes of the frame that a record with this number begins to bring. */
export type PlaceRecord = (start: Uint8Array, sequence: number) => Place | undefined;

/** Who takes what a stream brings. */
export interface RecordHandlers {
  readonly take: (record: LinkRecord) => void;
  /** A payload without a place gets memory of its own. */
  readonly place?: PlaceRecord;
}

/** A record of which the header has come. */
interface Begun {
  readonly fields: RecordFields;
  readonly bodyBytes: number;
  /** What the body will be. */
  readonly body: Pieces;
}

/** Cuts a stream of bytes into records; each byte is copied once, to where it is to be. */
export class RecordReader {
  readonly #handlers: RecordHandlers;
  readonly #header = new Uint8Array(recordHeaderBytes);
  #record: Begun | undefined;
  /** What is being filled: a header, the start of a frame, or the rest of a body. */
  #target = this.#header;
  #filled = 0;

  constructor(handlers: RecordHandlers) {
    this.#handlers = handlers;
  }

  /** Whether the last record is whole; what ends elsewhere was cut. */
  get isBetweenRecords(): boolean {
    return !this.#record && this.#filled === 0;
  }

  /** Takes the next piece of the stream, cut anywhere. Throws ProtocolError `bad-record`. */
  push(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      const count = Math.min(this.#target.length - this.#filled, piece.length - at);
      const isAll = count === piece.length;
      this.#target.set(isAll ? piece : piece.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      while (this.#filled === this.#target.length) this.#next();
    }
  }

  /** What was being filled is full: goes on with what is behind it. */
  #next(): void {
    const record = this.#record;
    if (!record) this.#begin();
    else if (byteLength(record.body) < record.bodyBytes) this.#placeRest(record);
    else {
      this.#record = undefined;
      this.#fill(this.#header);
      this.#handlers.take({ ...record.fields, body: record.body });
    }
  }

  #begin(): void {
    const { bodyBytes, ...fields } = decodeHeader(this.#header);
    // A frame's header first: it tells where the payload goes.
    const isPlaced = fields.kind === 'frame' && this.#handlers.place !== undefined;
    const bytes = isPlaced ? Math.min(bodyBytes, maxFrameHeaderBytes) : bodyBytes;
    const start = new Uint8Array(bytes);
    this.#record = { fields, bodyBytes, body: [start] };
    this.#fill(start);
  }

  #placeRest({ fields, bodyBytes, body }: Begun): void {
    const [start = new Uint8Array()] = body;
    const { payloadStart = 0, memory } = this.#handlers.place?.(start, fields.sequence) ?? {};
    const fits = memory?.length === bodyBytes - payloadStart;
    const target = memory && fits ? memory : new Uint8Array(bodyBytes);
    // What came behind the header already, or all of it.
    const from = fits ? payloadStart : 0;
    target.set(start.subarray(from));
    const pieces = fits ? [start.subarray(0, payloadStart), target] : [target];
    this.#record = { fields, bodyBytes, body: pieces };
    this.#fill(target, start.length - from);
  }

  #fill(target: Uint8Array<ArrayBuffer>, filled = 0): void {
    this.#target = target;
    this.#filled = filled;
  }
}

function badRecord(expected: string, got: string): ProtocolError {
  return new ProtocolError('bad-record', `record: expected ${expected}, got ${got}`);
}
