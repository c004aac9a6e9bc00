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
    const isNew = !this.#reasons.has(path);
    // libvips may report several lines on one picture.
    const [reason = ''] = (error instanceof Error ? error.message : String(error))
      .trim()
      .split('\n');
    this.#reasons.set(path, reason);
    const count = this.#reasons.size;
    // Also for one that is known: a batch that was refused must not be good when asked for again.
    if (count > allowedShare * this.#total) throw new UndecodablePicturesError(this.#tooMany());
    if (!isNew) return;
    this.#onNotice(`Skipped a picture that can't be decoded (${count} so far): ${path}: ${reason}`);
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
