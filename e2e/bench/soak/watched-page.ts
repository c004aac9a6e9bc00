import { readFile } from 'node:fs/promises';
import { chromium, type Browser, type CDPSession, type Page } from 'playwright';
import { findBrowser } from '../../../server/headless/find-browser';
import { launchOptions } from '../../../server/headless/launch-options';
import type { MemorySample } from './verdict';

/** A worker page in a browser of its own, and the memory that it takes. */
export class WatchedPage {
  readonly browser: string;
  /** What nobody should see: errors of the page's code. */
  readonly errors: string[] = [];
  readonly #browser: Browser;
  readonly #page: Page;
  readonly #session: CDPSession;
  readonly #browserSession: CDPSession;
  #workerSession: string | undefined;
  #messages = 0;

  private constructor(
    browser: Browser,
    page: Page,
    session: CDPSession,
    browserSession: CDPSession,
  ) {
    this.#browser = browser;
    this.#page = page;
    this.#session = session;
    this.#browserSession = browserSession;
    this.browser = browser.version();
    page.on('pageerror', ({ message }) => this.errors.push(message));
    page.on('crash', () => this.errors.push('the page crashed'));
    session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') this.#workerSession = sessionId;
    });
  }

  /** @param software whether WebGPU computes in software */
  static async open(url: string, software: boolean): Promise<WatchedPage> {
    const mode = software ? 'software' : 'gpu';
    const browser = await chromium.launch(launchOptions(findBrowser().path, mode));
    const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
    const session = await page.context().newCDPSession(page);
    const watched = new WatchedPage(browser, page, session, await browser.newBrowserCDPSession());
    await session.send('Target.setAutoAttach', {
      autoAttach: true,
      waitForDebuggerOnStart: false,
      flatten: false,
    });
    await page.goto(url);
    return watched;
  }

  /** What the page says: its state, and why it failed. */
  async state(): Promise<string> {
    return this.#page.evaluate(() => {
      const { state = '', reason = '' } = document.body.dataset;
      return `${state} ${reason}`.trim();
    });
  }

  /** Memory after a collection of garbage in the page and in its Web Worker. */
  async sample(step: number): Promise<MemorySample> {
    const ledger = await this.#page.workers()[0]?.evaluate(() => globalThis.bufferLedger);
    if (!ledger) throw new Error('the Web Worker keeps no ledger of its GPU buffers');
    await this.#session.send('HeapProfiler.collectGarbage');
    const page = await this.#session.send('Runtime.getHeapUsage');
    await this.#askWorker('HeapProfiler.collectGarbage');
    const worker = (await this.#askWorker('Runtime.getHeapUsage')) as typeof page;
    return {
      step,
      gpuBytes: ledger.bytes,
      gpuBuffers: ledger.count,
      buffersMade: ledger.made,
      pageHeapBytes: page.usedSize,
      workerHeapBytes: worker.usedSize,
      residentBytes: await this.#residentBytes(),
    };
  }

  close(): Promise<void> {
    return this.#browser.close();
  }

  /** Playwright has no session for a Web Worker: the page's passes messages on. */
  #askWorker(method: string): Promise<unknown> {
    const id = ++this.#messages;
    const sessionId = this.#workerSession;
    if (sessionId === undefined) throw new Error('the page has no Web Worker');
    return new Promise((resolve, reject) => {
      const listener = ({ message }: { message: string }): void => {
        const answer = JSON.parse(message) as { id?: number; result?: unknown; error?: unknown };
        if (answer.id !== id) return;
        this.#session.off('Target.receivedMessageFromTarget', listener);
        if (answer.error === undefined) resolve(answer.result);
        else reject(new Error(`${method}: ${JSON.stringify(answer.error)}`));
      };
      this.#session.on('Target.receivedMessageFromTarget', listener);
      const message = JSON.stringify({ id, method });
      this.#session.send('Target.sendMessageToTarget', { sessionId, message }).catch(reject);
    });
  }

  /** Of the page's and the GPU's process together; undefined where there is no /proc. */
  async #residentBytes(): Promise<number | undefined> {
    const { processInfo } = await this.#browserSession.send('SystemInfo.getProcessInfo');
    let bytes = 0;
    for (const { type, id } of processInfo) {
      if (type !== 'renderer' && type !== 'GPU') continue;
      const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => undefined);
      if (status === undefined) return undefined;
      bytes += Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) * 1024;
    }
    return bytes;
  }
}
