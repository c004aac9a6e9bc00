/** How things stand: held, waiting for a tap, or the browser can't. */
export type ScreenState = 'on' | 'needs-tap' | 'unsupported';

/**
 * Keeps the screen on while the page is in front, since a locked phone suspends the page. The
 * browser drops the lock whenever the page is hidden, and Safari grants the first one only after
 * a tap: so this asks again after each.
 */
export class ScreenWakeLock {
  readonly #report: (state: ScreenState) => void;
  readonly #ask = (): void => void this.#request();
  #sentinel: WakeLockSentinel | undefined;
  #wanted = true;

  constructor(report: (state: ScreenState) => void) {
    this.#report = report;
    document.addEventListener('visibilitychange', this.#ask);
    document.addEventListener('pointerup', this.#ask);
    this.#ask();
  }

  release(): void {
    this.#wanted = false;
    document.removeEventListener('visibilitychange', this.#ask);
    document.removeEventListener('pointerup', this.#ask);
    void this.#sentinel?.release();
  }

  async #request(): Promise<void> {
    const { wakeLock } = navigator as Partial<Pick<Navigator, 'wakeLock'>>;
    if (!wakeLock) {
      this.#report('unsupported');
      return;
    }
    if (document.hidden || (this.#sentinel && !this.#sentinel.released)) return;
    try {
      const sentinel = await wakeLock.request('screen');
      if (!this.#wanted) {
        await sentinel.release();
        return;
      }
      this.#sentinel = sentinel;
      this.#report('on');
    } catch {
      // Refused without a tap, in Low Power Mode, or while hidden: the next tap asks again.
      if (this.#wanted) this.#report('needs-tap');
    }
  }
}
