const lock = 'tandem-worker';

/**
 * Of this browser's tabs, the one that works: that which began last. The one before hears that it
 * was taken over, or will when it is awake again: a tab in the background may be suspended, so it
 * is not waited for.
 */
export class WorkingTab {
  readonly #onTakenOver: () => void;
  #isWanted = false;
  #release: (() => void) | undefined;

  constructor(onTakenOver: () => void) {
    this.#onTakenOver = onTakenOver;
    // WebKit takes the lock from a page that goes into the back-forward cache.
    window.addEventListener('pagehide', () => this.#drop());
    window.addEventListener('pageshow', () => {
      if (this.#isWanted) this.#take();
    });
  }

  begin(): void {
    this.#isWanted = true;
    this.#take();
  }

  end(): void {
    this.#isWanted = false;
    this.#drop();
  }

  #take(): void {
    if (this.#release) return;
    let release: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (release = resolve));
    this.#release = release;
    navigator.locks
      .request(lock, { steal: true }, () => ended)
      .catch(() => {
        // One that was let go before is not taken away.
        if (this.#release !== release) return;
        this.#release = undefined;
        this.#isWanted = false;
        this.#onTakenOver();
      });
  }

  #drop(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
