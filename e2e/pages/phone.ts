import { chromium, type Browser, type BrowserContext, type Page } from 'playwright';
import { expect } from 'vitest';
import { findBrowser } from '../../server/headless/find-browser';
import { launchOptions, type WebGpuMode } from '../../server/headless/launch-options';

/** A page loads, connects, or computes in software, on a machine that has other things to do. */
const patience = { timeout: 30_000 };

/** Launches the tests' browser; `tandem.test` is this computer, but not as `localhost` is. */
export function launchBrowser(webGpu: WebGpuMode): Promise<Browser> {
  const options = launchOptions(findBrowser().path, webGpu);
  return chromium.launch({
    ...options,
    args: [...options.args, '--host-resolver-rules=MAP tandem.test 127.0.0.1'],
  });
}

/** A worker page as a person sees it. */
export class PhonePage {
  readonly page: Page;
  /** What nobody should see: errors of the page's own code. */
  readonly errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(error.message));
  }

  /** @param prepare runs before the page is opened */
  static async open(
    browser: Browser | BrowserContext,
    url: string,
    prepare: (page: Page) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<PhonePage> {
    const page = await browser.newPage();
    await page.setViewportSize({ width: 390, height: 844 });
    const phone = new PhonePage(page);
    await prepare(page);
    await page.goto(url);
    return phone;
  }

  /**
   * Waits for the page's state, `failed` with its reason: `failed host-gone`. A picture of each
   * failure stays in `test-results/pages`.
   */
  async shows(state: string): Promise<void> {
    const shown = async (): Promise<string> => {
      const body = this.page.locator('body');
      const names = ['data-state', 'data-reason'];
      const values = await Promise.all(names.map((name) => body.getAttribute(name)));
      const shown = values.filter(Boolean).join(' ');
      // What the page says instead explains a failure best.
      return shown === state ? shown : `${shown}: ${await body.innerText()}`;
    };
    await expect.poll(shown, patience).toBe(state);
    const [, reason] = state.split(' ');
    if (reason === undefined) return;
    const page = new URL(this.page.url()).pathname.slice(1) || 'worker';
    await this.page.screenshot({ path: `test-results/pages/chromium-${page}-${reason}.png` });
  }

  /** Waits until all of the page's text matches. */
  async says(text: RegExp): Promise<void> {
    await expect.poll(() => this.page.locator('body').innerText(), patience).toMatch(text);
  }

  /** Waits until the title, which stands on the browser's tab, matches. */
  async titled(title: RegExp): Promise<void> {
    await expect.poll(() => this.page.title(), patience).toMatch(title);
  }

  async press(button: string): Promise<void> {
    await this.page.getByRole('button', { name: button }).click();
  }

  close(): Promise<void> {
    return this.page.close();
  }
}
