import { chromium, type Browser, type BrowserServer, type Page } from 'playwright';
import { findBrowser } from '../../server/headless/find-browser';
import { launchOptions } from '../../server/headless/launch-options';
import { Phone } from './phone';
import { signalTree } from './process-tree';

/** The page in Chromium, with WebGPU in software. */
export class ChromiumPhone extends Phone {
  readonly engine = 'chromium';
  readonly #server: BrowserServer;
  readonly #browser: Browser;
  readonly #page: Page;

  private constructor(server: BrowserServer, browser: Browser, page: Page) {
    super();
    this.#server = server;
    this.#browser = browser;
    this.#page = page;
  }

  /** @param trustsAll takes certificates of authorities that it does not know */
  static async start(trustsAll = false): Promise<ChromiumPhone> {
    const options = launchOptions(findBrowser().path, 'software');
    // A server, for its process: that is what is suspended.
    const server = await chromium.launchServer({ ...options, host: '127.0.0.1' });
    const browser = await chromium.connect(server.wsEndpoint());
    const page = await browser.newPage({
      viewport: { width: 390, height: 844 },
      deviceScaleFactor: 2,
      ignoreHTTPSErrors: trustsAll,
    });
    return new ChromiumPhone(server, browser, page);
  }

  async open(url: string): Promise<void> {
    await this.#page.goto(url);
  }

  async reload(): Promise<void> {
    await this.#page.reload();
  }

  async back(): Promise<void> {
    await this.#page.goBack();
  }

  run(script: string): Promise<unknown> {
    return this.#page.evaluate(`(() => { ${script} })()`);
  }

  press(label: string): Promise<void> {
    return this.#page.getByRole('button', { name: label, exact: true }).click();
  }

  resize(width: number, height: number): Promise<void> {
    return this.#page.setViewportSize({ width, height });
  }

  suspend(): void {
    signalTree(this.#server.process().pid ?? 0, 'SIGSTOP');
  }

  resume(): void {
    signalTree(this.#server.process().pid ?? 0, 'SIGCONT');
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#server.close();
  }

  protected screenshot(): Promise<Uint8Array> {
    return this.#page.screenshot();
  }
}
