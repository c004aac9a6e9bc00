/** Whether the browser takes the secure page's certificate. */
export type Trust = 'checking' | 'untrusted' | 'trusted' | 'no-answer';

/** Between two looks. */
const intervalMs = 2_000;
/** An answer that takes longer does not come. */
const limitMs = 5_000;

/**
 * Asks the secure page until the browser lets an answer through, and at once whenever the person
 * comes back from the settings.
 */
export class TrustWatch {
  readonly #url: string;
  readonly #report: (trust: Trust) => void;
  #isAsking = false;
  #isOver = false;

  constructor(url: string, report: (trust: Trust) => void) {
    this.#url = url;
    this.#report = report;
  }

  start(): void {
    const ask = (): void => void this.#ask();
    setInterval(ask, intervalMs);
    for (const event of ['pageshow', 'focus']) addEventListener(event, ask);
    document.addEventListener('visibilitychange', ask);
    ask();
  }

  async #ask(): Promise<void> {
    if (this.#isAsking || this.#isOver || document.hidden) return;
    this.#isAsking = true;
    const trust = await this.#look();
    this.#isAsking = false;
    this.#isOver = trust === 'trusted';
    this.#report(trust);
  }

  /** A page is not told why a request failed: whether plain http still answers tells it apart. */
  async #look(): Promise<Trust> {
    if (await answers(this.#url)) return 'trusted';
    return (await answers('/door.json')) ? 'untrusted' : 'no-answer';
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(limitMs);
    return (await fetch(url, { cache: 'no-store', credentials: 'omit', signal })).ok;
  } catch {
    return false;
  }
}
