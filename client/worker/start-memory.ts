/*
 * iOS loads a page again without asking when memory runs low. Whether it was started before is
 * known to the tab, and to that alone.
 */
const key = 'tandem.started';

export function rememberStart(): void {
  try {
    sessionStorage.setItem(key, 'yes');
  } catch {
    // Storage is switched off: the next load asks for a tap again.
  }
}

export function wasStarted(): boolean {
  try {
    return sessionStorage.getItem(key) !== null;
  } catch {
    return false;
  }
}
