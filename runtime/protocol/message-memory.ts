/** As many pieces are kept: what a sender has on its way at a time, and one being written. */
const maxPieces = 8;

/**
 * Memory of messages that have left, to write the next ones in. With a fresh piece for each, a few
 * hundred MB a second of them, a collector never rests.
 */
export class MessageMemory {
  readonly #free: ArrayBuffer[] = [];

  /** So many bytes, of any values. */
  take(bytes: number): ArrayBuffer {
    const index = this.#free.findIndex(({ byteLength }) => byteLength === bytes);
    const [known] = index < 0 ? [] : this.#free.splice(index, 1);
    return known ?? new ArrayBuffer(bytes);
  }

  /** Nobody reads it any more. The oldest pieces are let go: messages may have got another length. */
  giveBack(memory: ArrayBuffer): void {
    this.#free.push(memory);
    if (this.#free.length > maxPieces) this.#free.shift();
  }
}
