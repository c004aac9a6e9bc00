import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'vitest';

/** A page loads, connects, or computes in software, on a machine that has other things to do. */
const patience = { timeout: 30_000, interval: 100 };

/** Where each run leaves its pictures of the pages; git ignores it. */
const pictures = resolve('test-results/pages');

/** The worker page in some browser, as a person has it in hand. */
export abstract class Phone {
  /** `webkitgtk` or `chromium`, as the names of the pictures begin. */
  abstract readonly engine: string;

  abstract open(url: string): Promise<void>;
  abstract reload(): Promise<void>;
  /** To the page that was open before; resolves when it is there. */
  abstract back(): Promise<void>;
  /** Runs a function's body in the page. */
  abstract run(script: string): Promise<unknown>;
  /** Taps the button that has this label. */
  abstract press(label: string): Promise<void>;
  abstract resize(width: number, height: number): Promise<void>;
  /** Stops all processes of the browser, with no word to the page. */
  abstract suspend(): void;
  abstract resume(): void;
  abstract close(): Promise<void>;
  protected abstract screenshot(): Promise<Uint8Array>;

  /** Waits for the page's state, `failed` with its reason: `failed host-gone`. */
  async shows(state: string, timeout = patience.timeout): Promise<void> {
    const shown = async (): Promise<unknown> => {
      const [now, text] = (await this.run(
        `const { state, reason } = document.body.dataset;
         return [[state, reason].filter(Boolean).join(' '), document.body.innerText];`,
      )) as [string, string];
      // What the page says instead explains a failure best.
      return now === state ? now : `${now}: ${text}`;
    };
    await expect.poll(shown, { ...patience, timeout }).toBe(state);
  }

  /** Waits until all of the page's text matches. */
  async says(text: RegExp): Promise<void> {
    await expect.poll(() => this.run('return document.body.innerText'), patience).toMatch(text);
  }

  /** Keeps a picture of what is in sight: `webkitgtk-NAME.png`. */
  async keepPicture(name: string): Promise<void> {
    mkdirSync(pictures, { recursive: true });
    writeFileSync(`${pictures}/${this.engine}-${name}.png`, await this.screenshot());
  }
}
