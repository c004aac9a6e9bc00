/** As many pieces are kept: activations and gradients, one in use and one being received of each. */
const maxPieces = 4;

/**
 * Memory of tensors that were used up, to receive the next ones in. With a fresh piece for each, a
 * few hundred MB a second of them, clearing and collecting it takes as long as the copying.
 */
export class TensorMemory {
  readonly #free: ArrayBuffer[] = [];

  /** So many bytes, of any values. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const index = this.#free.findIndex(({ byteLength }) => byteLength === bytes);
    const [known] = index < 0 ? [] : this.#free.splice(index, 1);
    return new Uint8Array(known ?? new ArrayBuffer(bytes));
  }

  /** Nobody has it any more. The oldest pieces are let go: tensors may have got another size. */
  giveBack(memory: ArrayBuffer): void {
    // Twice, it would be two tensors' at a time.
    if (this.#free.includes(memory)) return;
    this.#free.push(memory);
    if (this.#free.length > maxPieces) this.#free.shift();
  }
}
