import { ProtocolError } from '../protocol/error';
import { maxFrameBytes } from '../protocol/frame';

/*
 * What travels on a lane of a link is a record: one message of the connection, or one of the link
 * itself. All integers are little-endian.
 *
 *     byte 0   bytes of the body (u32)       8   kind (u8)
 *     byte 4   sequence number (u32)         9   zeros, then the body at byte 16
 *
 * A WebSocket message is one record. In the body of a request or response records follow one
 * another without gaps.
 */

/** In the order of their codes, which count from 1. The link keeps `text` and `frame` in order. */
const kinds = ['text', 'frame', 'control', 'probe'] as const;
export type RecordKind = (typeof kinds)[number];

export interface LinkRecord {
  readonly kind: RecordKind;
  /** Counts the `text` and `frame` records of one direction from 0; 0 for the other kinds. */
  readonly sequence: number;
  readonly body: Uint8Array;
}

export const recordHeaderBytes = 16;
/** The longest body: control messages and frames share this bound. */
const maxBodyBytes = maxFrameBytes;
export const maxRecordBytes = recordHeaderBytes + maxBodyBytes;

/**
 * The record as one piece of memory. A body with {@link recordHeaderBytes} of room before it in
 * its buffer, which its owner must not need any more, stays where it is; any other is copied.
 */
export function encodeRecord({ kind, sequence, body }: LinkRecord): Uint8Array<ArrayBuffer> {
  const record = withRoomBefore(body);
  const header = new DataView(record.buffer, record.byteOffset, recordHeaderBytes);
  header.setUint32(0, body.length, true);
  header.setUint32(4, sequence, true);
  header.setUint32(8, kinds.indexOf(kind) + 1, true);
  header.setUint32(12, 0, true);
  return record;
}

function withRoomBefore(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = body;
  // Exactly as much: what is before a body by chance may belong to somebody else.
  if (byteOffset === recordHeaderBytes && buffer instanceof ArrayBuffer) {
    return new Uint8Array(buffer, 0, recordHeaderBytes + length);
  }
  const record = new Uint8Array(recordHeaderBytes + length);
  record.set(body, recordHeaderBytes);
  return record;
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
  return { ...fields, body };
}

function decodeHeader(
  bytes: Uint8Array,
): Pick<LinkRecord, 'kind' | 'sequence'> & { readonly bodyBytes: number } {
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

/** Cuts a stream of bytes into records; each body is copied once, into memory of its own. */
export class RecordReader {
  readonly #take: (record: LinkRecord) => void;
  readonly #header = new Uint8Array(recordHeaderBytes);
  #headerFilled = 0;
  #fields: Pick<LinkRecord, 'kind' | 'sequence'> | undefined;
  #body = new Uint8Array(0);
  #bodyFilled = 0;

  constructor(take: (record: LinkRecord) => void) {
    this.#take = take;
  }

  /** Whether the last record is whole; what ends elsewhere was cut. */
  get isBetweenRecords(): boolean {
    return this.#headerFilled === 0;
  }

  /** Takes the next piece of the stream, cut anywhere. Throws ProtocolError `bad-record`. */
  push(piece: Uint8Array): void {
    let rest = piece;
    while (rest.length > 0) {
      rest = this.#fields ? this.#fillBody(rest) : this.#fillHeader(rest);
    }
  }

  #fillHeader(piece: Uint8Array): Uint8Array {
    const count = Math.min(recordHeaderBytes - this.#headerFilled, piece.length);
    this.#header.set(piece.subarray(0, count), this.#headerFilled);
    this.#headerFilled += count;
    if (this.#headerFilled === recordHeaderBytes) {
      const { bodyBytes, ...fields } = decodeHeader(this.#header);
      this.#fields = fields;
      this.#body = new Uint8Array(bodyBytes);
      this.#bodyFilled = 0;
      this.#completeBody();
    }
    return piece.subarray(count);
  }

  #fillBody(piece: Uint8Array): Uint8Array {
    const count = Math.min(this.#body.length - this.#bodyFilled, piece.length);
    this.#body.set(piece.subarray(0, count), this.#bodyFilled);
    this.#bodyFilled += count;
    this.#completeBody();
    return piece.subarray(count);
  }

  #completeBody(): void {
    if (!this.#fields || this.#bodyFilled < this.#body.length) return;
    const record = { ...this.#fields, body: this.#body };
    this.#fields = undefined;
    this.#headerFilled = 0;
    this.#take(record);
  }
}

function badRecord(expected: string, got: string): ProtocolError {
  return new ProtocolError('bad-record', `record: expected ${expected}, got ${got}`);
}
