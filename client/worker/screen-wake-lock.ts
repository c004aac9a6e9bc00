/** How things stand: held, waiting for a tap, or the browser can't. */
export type ScreenState = 'on' | 'needs-tap' | 'unsupported';

/**
 * Keeps the screen on while the page is in front, since a locked phone suspends the page. The
 * browser drops the lock whenever the page is hidden, and Safari grants the first one only after
 * a tap: so this asks again after each return and each tap.
 */
export class ScreenWakeLock {
  readonly #report: (state: ScreenState) => void;
  readonly #ask = (): void => void this.request();
  #sentinel: WakeLockSentinel | undefined;
  #wanted = false;

  /** @param report called with each change while the screen is to stay on */
  constructor(report: (state: ScreenState) => void) {
    this.#report = report;
  }

  /** From now on, until {@link release}. */
  keep(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    for (const [target, event] of occasions()) target.addEventListener(event, this.#ask);
    this.#ask();
  }

  release(): void {
    this.#wanted = false;
    for (const [target, event] of occasions()) target.removeEventListener(event, this.#ask);
    void this.#sentinel?.release();
  }

  /** Whether the browser grants the lock now, with no tap. */
  async request(): Promise<ScreenState> {
    const state = await this.#state();
    if (this.#wanted) this.#report(state);
    else void this.#sentinel?.release();
    return state;
  }

  async #state(): Promise<ScreenState> {
    const { wakeLock } = navigator as Partial<Pick<Navigator, 'wakeLock'>>;
    if (!wakeLock) return 'unsupported';
    if (this.#sentinel && !this.#sentinel.released) return 'on';
    try {
      this.#sentinel = await wakeLock.request('screen');
      return 'on';
    } catch {
      // Refused without a tap, in Low Power Mode, or while hidden: the next occasion asks again.
      return 'needs-tap';
    }
  }
}

/** When a lock that was refused or dropped may be had. */
function occasions(): readonly (readonly [EventTarget, string])[] {
  return [
    [document, 'visibilitychange'],
    [document, 'pointerup'],
    // Out of the back-forward cache nothing else may come.
    [window, 'pageshow'],
  ];
}
