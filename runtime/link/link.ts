import { ConnectionClosedError, type Socket } from '../protocol/connection';
import { ProtocolError } from '../protocol/error';
import type { Place, PlaceFrame } from '../protocol/flow';
import { joined, type Pieces, type SendablePieces } from '../protocol/pieces';
import { encodeRecord, type LinkRecord, type PlaceRecord, type RecordKind } from './record';
import { Sequencer } from './sequencer';

/** One of the ways between the two ends: a WebSocket, a stream, one direction of requests. */
export interface Lane {
  readonly name: string;
  /**
   * Hands over a record; it may throw where the lane is gone.
   * @param sent called when the lane does not read the record's memory any more; a lane that is
   * gone never calls it, and ends the link if that uses it
   */
  send(record: SendablePieces, sent?: () => void): void;
  /** Bytes that were handed over and have not left yet. */
  bufferedAmount(): number;
  close(code: number, reason: string): void;
}

/** Who takes what a lane brings, at either end. */
export interface LaneHandlers {
  readonly take: (lane: Lane, record: LinkRecord) => void;
  readonly place: PlaceRecord;
  /** It ended, or brought what is no record; `wasClosed` where the other end closed it. */
  readonly lost: (lane: Lane, error: Error, wasClosed?: boolean) => void;
  /** It has room again. */
  readonly drained: () => void;
}

/** Who gets what comes over the link, whichever lane brought it. */
export interface LinkHandlers {
  /** A message of the connection, in order. */
  receive(message: string | Pieces): void;
  readonly place: PlaceFrame;
  /** A record of the link itself, as it comes. Throwing closes the link with the error. */
  note(lane: Lane, record: LinkRecord): void;
  /** The link can't go on; called once. */
  closed(error: Error): void;
}

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();
const maxSequence = 0xffff_ffff;

/**
 * The messages of one connection over any number of lanes, in order and each once. The two
 * directions choose their lanes for themselves, and may change them at any time: records carry
 * their numbers, so that it does not matter which lane brings them.
 */
export class Link implements Socket {
  readonly chunkBytes?: number;
  readonly #handlers: LinkHandlers;
  readonly #lanes = new Map<string, Lane>();
  readonly #sequencer: Sequencer;
  /** What was said before there was a lane. */
  readonly #waiting: { readonly record: SendablePieces; readonly sent?: () => void }[] = [];
  #out: readonly Lane[] = [];
  /** Names of the lanes that the other end sends on. */
  #in: readonly string[] = [];
  #sequence = 0;
  #closed: Error | undefined;

  /** @param chunkBytes the longest chunk of the pipeline class that this end sends */
  constructor(handlers: LinkHandlers, chunkBytes?: number) {
    this.#handlers = handlers;
    if (chunkBytes !== undefined) this.chunkBytes = chunkBytes;
    this.#sequencer = new Sequencer(({ kind, body }) => {
      if (this.#closed) return;
      handlers.receive(kind === 'text' ? decoder.decode(joined(body)) : body);
    });
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  get lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  /** Throws ProtocolError `unexpected` when there is a lane of this name already. */
  expectNew(name: string): void {
    if (!this.#lanes.has(name)) return;
    throw new ProtocolError('unexpected', `link: expected one lane '${name}', got a second`);
  }

  /** Throws as {@link expectNew}. */
  add(lane: Lane): void {
    this.expectNew(lane.name);
    this.#lanes.set(lane.name, lane);
  }

  /**
   * Sends on these lanes from now on, and expects what comes on those; names that are not there
   * are left out. Throws ProtocolError `unexpected` where none is.
   */
  use(out: readonly string[], incoming: readonly string[]): void {
    this.#out = this.find(out);
    this.#in = incoming;
    for (const { record, sent } of this.#waiting.splice(0)) this.#send(record, sent);
  }

  /** The lanes of these names. Throws ProtocolError `unexpected` where none is there. */
  find(names: readonly string[]): Lane[] {
    const found = names.flatMap((name) => this.#lanes.get(name) ?? []);
    if (found.length > 0) return found;
    const there = [...this.#lanes.keys()].join(', ') || 'none';
    throw new ProtocolError(
      'unexpected',
      `link: expected one of the lanes that are open (${there}), got ${names.join(', ')}`,
    );
  }

  sendText(message: string): void {
    this.#enqueue('text', [encoder.encode(message)]);
  }

  sendBinary(message: SendablePieces, sent?: () => void): void {
    this.#enqueue('frame', message, sent);
  }

  bufferedAmount(): number {
    return this.#out.reduce((sum, lane) => sum + lane.bufferedAmount(), 0);
  }

  /** Sends a record of the link itself, behind what the lane has. */
  sendNote(record: SendablePieces): void {
    const [lane] = this.#out;
    if (lane) lane.send(record);
    else this.#waiting.push({ record });
  }

  /** Where the payload of a frame is to be put that a lane begins to bring. */
  place(start: Uint8Array, sequence: number): Place | undefined {
    // Twice, as when a request is sent again, it could be written to where it has been read.
    if (this.#closed || !this.#sequencer.mayPlace(sequence)) return undefined;
    return this.#handlers.place(start);
  }

  /** Takes a record that a lane brought. */
  take(lane: Lane, record: LinkRecord): void {
    if (this.#closed) return;
    try {
      if (record.kind === 'text' || record.kind === 'frame') this.#sequencer.take(record);
      else this.#handlers.note(lane, record);
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * To be called when a lane has ended: a link that was using it is lost. One that the other end
   * closed has brought all that was sent on it; then the link is lost with the last such lane, so
   * that what came last over another is heard.
   */
  lost(lane: Lane, why: string, wasClosed = false): void {
    if (this.#lanes.get(lane.name) !== lane) return;
    this.#lanes.delete(lane.name);
    const isUsed = (other: Lane): boolean =>
      this.#out.includes(other) || this.#in.includes(other.name);
    if (!isUsed(lane) || (wasClosed && this.lanes.some(isUsed))) return;
    this.fail(new ConnectionClosedError(why));
  }

  /** Ends a lane that neither end sends on any more. */
  drop(lane: Lane): void {
    this.#lanes.delete(lane.name);
    lane.close(1000, 'not needed');
  }

  /** Ends the link with an error that its owner hears of. */
  fail(error: Error): void {
    if (this.#closed) return;
    const code = error instanceof ProtocolError ? 1002 : 1000;
    this.close(code, error.message.slice(0, 100), error);
    this.#handlers.closed(error);
  }

  close(code: number, reason: string, error: Error = new ConnectionClosedError(reason)): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#waiting.length = 0;
    for (const lane of this.#lanes.values()) lane.close(code, reason);
    this.#lanes.clear();
  }

  #enqueue(kind: RecordKind, body: SendablePieces, sent?: () => void): void {
    if (this.#closed) return;
    if (this.#sequence > maxSequence) {
      this.fail(new ConnectionClosedError('the link has carried 2^32 messages; a new one begins'));
      return;
    }
    const record = encodeRecord({ kind, sequence: this.#sequence++, body });
    if (this.#out.length === 0) this.#waiting.push({ record, ...(sent && { sent }) });
    else this.#send(record, sent);
  }

  /** On the lane that has the least to send. */
  #send(record: SendablePieces, sent?: () => void): void {
    let best: Lane | undefined;
    let least = Infinity;
    for (const lane of this.#out) {
      const amount = lane.bufferedAmount();
      if (amount < least) [best, least] = [lane, amount];
    }
    best?.send(record, sent);
  }
}
