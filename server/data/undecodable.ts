import { UndecodablePicturesError } from './error';

/** Share of a data set's pictures that may be undecodable. */
const allowedShare = 0.01;
const namedInError = 5;

/** Names each picture that can't be decoded once, and says when there are too many of them. */
export class Undecodable {
  readonly #reasons = new Map<string, string>();
  readonly #total: number;
  readonly #onNotice: (text: string) => void;

  /** @param total pictures of the whole data set, validation included */
  constructor(total: number, onNotice: (text: string) => void) {
    this.#total = total;
    this.#onNotice = onNotice;
  }

  /** @throws UndecodablePicturesError when more than 1% of the data set can't be decoded */
  add(path: string, error: unknown): void {
    if (this.#reasons.has(path)) return;
    // libvips may report several lines on one picture.
    const reason = (error instanceof Error ? error.message : String(error)).trim().split('\n', 1);
    this.#reasons.set(path, String(reason[0]));
    const count = this.#reasons.size;
    if (count > allowedShare * this.#total) throw new UndecodablePicturesError(this.#tooMany());
    this.#onNotice(
      `Skipped a picture that can't be decoded (${count} so far): ${path}: ${String(reason[0])}`,
    );
  }

  #tooMany(): string {
    const count = this.#reasons.size;
    const named = [...this.#reasons].slice(0, namedInError);
    const list = named.map(([path, reason]) => `${path} (${reason})`).join(', ');
    const rest = count > namedInError ? ` and ${count - namedInError} more` : '';
    const subject = count === 1 ? 'one picture' : `${count} pictures`;
    return `${subject} of ${this.#total} can't be decoded, expected at most 1%: ${list}${rest}; repair or remove ${count === 1 ? 'it' : 'them'}`;
  }
}
