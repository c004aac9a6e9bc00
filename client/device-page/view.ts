import type { DeviceLimits } from '../../runtime/webgpu/device';
import { failures } from '../worker/failure';
import { factRows } from './facts';
import type { Failed } from './failed';
import type { Kept } from './post';

/** What the pages that check or measure this device have in common. */
export class DeviceView {
  readonly #progress = element('progress');

  /** @param onAgain called when the person wants another run */
  constructor(onAgain: () => void) {
    element('again').addEventListener('click', onAgain);
  }

  showFailed({ reason, detail }: Failed): void {
    const { headline, sentence, remedy } = failures[reason];
    this.mood('failed', 'problem');
    document.body.dataset['reason'] = reason;
    this.say(headline, sentence, remedy);
    setText('detail', detail || undefined);
    this.end();
  }

  /** Asks for the tap without which Safari lets the screen go dark. */
  showScreen(needsTap: boolean): void {
    setText('kept', needsTap ? 'Tap here once to keep the screen on until the end.' : undefined);
  }

  showKept(kept: Kept): void {
    setText(
      'kept',
      'path' in kept
        ? `The computer keeps this result as ${kept.path}.`
        : `The computer did not take this result: ${kept.error}`,
    );
  }

  showFacts(id: string, rows: readonly (readonly [name: string, value: string])[]): void {
    element(id).replaceChildren(...factRows(rows));
  }

  /** @param fraction 0 to 1 */
  showProgress(fraction: number): void {
    this.#progress.setAttribute('value', String(fraction));
  }

  mood(state: string, mood: 'busy' | 'done' | 'problem'): void {
    // Tests and style sheets read the state here.
    document.body.dataset['state'] = state;
    document.body.dataset['mood'] = mood;
  }

  say(headline: string, sentence: string, remedy?: string): void {
    setText('headline', headline);
    setText('sentence', sentence);
    setText('remedy', remedy);
  }

  end(): void {
    element('again').hidden = false;
    this.#progress.hidden = true;
    document.title = `${element('headline').textContent} – Tandem`;
  }
}

/** A device's limits as {@link DeviceView.showFacts} wants them. */
export function limitRows(limits: DeviceLimits): [name: string, value: string][] {
  return Object.entries(limits).map(([name, value]) => [
    limitWords(name),
    value >= 2 ** 20 ? `${value / 2 ** 20} MiB` : String(value),
  ]);
}

/** `maxBufferSize` to `Max buffer size`. */
function limitWords(name: string): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function setText(id: string, text: string | undefined): void {
  const target = element(id);
  target.hidden = text === undefined;
  if (target.textContent !== (text ?? '')) target.textContent = text ?? '';
}

export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}
