import { ProtocolError } from '../protocol/error';
import { byteLength } from '../protocol/pieces';
import type { LinkRecord } from './record';

/**
 * More than the credit of both classes lets the other end have on the way, with the control
 * messages between them.
 */
const maxHeldBytes = 32 * 1024 * 1024;
const maxHeldRecords = 16_384;

/**
 * Puts the records of several lanes back in the order in which they were sent, each once: a
 * browser may send a request a second time when its connection broke before the answer.
 */
export class Sequencer {
  readonly #deliver: (record: LinkRecord) => void;
  readonly #held = new Map<number, LinkRecord>();
  /** Numbers of records on their way that were given a place. */
  readonly #placed = new Set<number>();
  #heldBytes = 0;
  #next = 0;
  #delivering = false;

  constructor(deliver: (record: LinkRecord) => void) {
    this.#deliver = deliver;
  }

  /** Bytes that wait for a record before them. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether a record may be given a place in its tensor's memory: once, and while it is awaited. */
  mayPlace(sequence: number): boolean {
    if (sequence < this.#next || this.#held.has(sequence) || this.#placed.has(sequence))
      return false;
    this.#placed.add(sequence);
    return true;
  }

  /**
   * Delivers the record and those that waited for it; keeps one that came early, and drops one
   * that came before. Throws ProtocolError `oversize` when too much waits.
   */
  take(record: LinkRecord): void {
    const { sequence, body } = record;
    if (sequence < this.#next || this.#held.has(sequence)) return;
    this.#held.set(sequence, record);
    this.#heldBytes += byteLength(body);
    // What is delivered may bring the next record, and come back here.
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      this.#deliverReady();
    } finally {
      this.#delivering = false;
    }
    if (this.#heldBytes > maxHeldBytes || this.#held.size > maxHeldRecords) {
      throw new ProtocolError(
        'oversize',
        `link: expected record ${this.#next} before ${maxHeldBytes} bytes or ${maxHeldRecords} ` +
          `records behind it, got ${this.#heldBytes} bytes in ${this.#held.size}`,
      );
    }
  }

  #deliverReady(): void {
    for (;;) {
      const record = this.#held.get(this.#next);
      if (!record) return;
      this.#held.delete(this.#next);
      this.#placed.delete(this.#next);
      this.#heldBytes -= byteLength(record.body);
      this.#next++;
      this.#deliver(record);
    }
  }
}
