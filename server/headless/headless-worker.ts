import { chromium, type Browser, type BrowserServer, type Page } from 'playwright';
import { findBrowser } from './find-browser';
import { launchOptions, type LaunchOptions } from './launch-options';

export interface HeadlessWorkerOptions {
  /** The worker page; a secure context, as `http://127.0.0.1:PORT/` is. */
  readonly url: string;
  /** Computes in software even where there is a GPU; by default only where there is none. */
  readonly software?: boolean;
  /** Gets each error of the page's console and each exception that nothing caught. */
  readonly onPageError?: (text: string) => void;
}

/** A headless browser that has the worker page open: a virtual phone. */
export interface HeadlessWorker {
  /** The browser, its version and what it computes on, in words. */
  readonly description: string;
  /** Resolves to the reason once the page is gone or has failed for good; never rejects. */
  readonly closed: Promise<string>;
  /** Ends the browser; resolves when its process is gone, after at most ten seconds or so. */
  close(): Promise<void>;
  /** Ends the browser at once, without a goodbye to the page. */
  kill(): Promise<void>;
}

/** A virtual phone could not be started. */
export class HeadlessWorkerError extends Error {
  override readonly name = 'HeadlessWorkerError';
}

/** The page's, not Node's: for what runs in the page. */
declare const navigator: { readonly gpu?: GPU };
declare const document: {
  readonly body: { readonly dataset: Readonly<Record<string, string | undefined>> };
};

/** Time for the browser to end by itself before it is killed. */
const closeMs = 5_000;

/**
 * Starts a browser with a profile of its own and opens the worker page in it.
 *
 * @throws BrowserNotFoundError when there is no browser
 * @throws HeadlessWorkerError when it does not start, offers no WebGPU, or can't open the page
 */
export async function startHeadlessWorker(options: HeadlessWorkerOptions): Promise<HeadlessWorker> {
  const found = findBrowser();
  const modes = options.software ? (['software'] as const) : (['gpu', 'software'] as const);
  for (const mode of modes) {
    const phone = await VirtualPhone.launch(launchOptions(found.path, mode));
    try {
      const adapter = await phone.probe();
      if (adapter === undefined) {
        await phone.close();
        continue;
      }
      phone.description = `${found.which} ${phone.version}, ${adapter}`;
      await phone.open(options);
      return phone;
    } catch (error) {
      await phone.close();
      throw new HeadlessWorkerError(
        `${found.which} (${found.path}) could not open ${options.url}: ${firstLine(error)}`,
      );
    }
  }
  throw new HeadlessWorkerError(
    `${found.which} (${found.path}) offers no WebGPU adapter, not even in software; set TANDEM_BROWSER to a newer Chromium or Chrome`,
  );
}

class VirtualPhone implements HeadlessWorker {
  description = '';
  readonly closed: Promise<string>;
  readonly #server: BrowserServer;
  readonly #browser: Browser;
  readonly #page: Page;
  #ended: (reason: string) => void = () => undefined;

  private constructor(server: BrowserServer, browser: Browser, page: Page) {
    this.#server = server;
    this.#browser = browser;
    this.#page = page;
    this.closed = new Promise((resolve) => {
      this.#ended = resolve;
    });
    browser.on('disconnected', () => {
      this.#ended('the browser ended');
    });
    page.on('crash', () => {
      this.#ended('the page crashed');
    });
    page.on('close', () => {
      this.#ended('the page was closed');
    });
  }

  static async launch(options: LaunchOptions): Promise<VirtualPhone> {
    let server: BrowserServer | undefined;
    try {
      server = await chromium.launchServer({
        ...options,
        // Playwright would let every computer around connect to the browser.
        host: '127.0.0.1',
        // Ctrl-C belongs to the run, which ends its workers itself after the last checkpoint.
        handleSIGINT: false,
        handleSIGTERM: false,
        handleSIGHUP: false,
      });
      const browser = await chromium.connect(server.wsEndpoint());
      const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
      return new VirtualPhone(server, browser, page);
    } catch (error) {
      await server?.kill();
      throw new HeadlessWorkerError(
        `the browser ${options.executablePath} did not start: ${firstLine(error)}; start it by hand to see why, or set TANDEM_BROWSER to another`,
      );
    }
  }

  get version(): string {
    return this.#browser.version();
  }

  /** What the browser would compute on, in words; undefined when it has no adapter. */
  async probe(): Promise<string | undefined> {
    // WebGPU needs a secure context, and this page is one without any server.
    const url = 'https://probe.invalid/';
    await this.#page.route(url, (route) => route.fulfill({ contentType: 'text/html', body: '' }));
    await this.#page.goto(url);
    const adapter = await this.#page.evaluate(async () => {
      const info = (await navigator.gpu?.requestAdapter())?.info;
      return (
        info && { name: `${info.vendor} ${info.architecture}`, software: info.isFallbackAdapter }
      );
    });
    await this.#page.unroute(url);
    if (!adapter) return undefined;
    return adapter.software ? 'WebGPU in software' : `WebGPU on the GPU (${adapter.name.trim()})`;
  }

  async open({ url, onPageError }: HeadlessWorkerOptions): Promise<void> {
    if (onPageError) {
      this.#page.on('console', (message) => {
        if (message.type() === 'error') onPageError(message.text());
      });
      this.#page.on('pageerror', (error) => {
        onPageError(error.message);
      });
    }
    await this.#page.goto(url);
    void this.#watch();
  }

  /** A page that can't compute stays open; for the run it is as good as gone. */
  async #watch(): Promise<void> {
    try {
      const failure = await this.#page.waitForFunction(
        () => {
          const { state, reason = '' } = document.body.dataset;
          // From a lost host the page comes back by itself.
          return state === 'failed' && !reason.startsWith('host-')
            ? reason || 'unknown'
            : undefined;
        },
        undefined,
        { timeout: 0, polling: 500 },
      );
      this.#ended(`its page can't compute (${String(await failure.jsonValue())})`);
    } catch {
      // The page is gone, which its own events report.
    }
  }

  async close(): Promise<void> {
    this.#ended('closed');
    if (!(await settles(this.#server.close(), closeMs))) await this.kill();
  }

  async kill(): Promise<void> {
    this.#ended('killed');
    if (!(await settles(this.#server.kill(), closeMs))) this.#server.process().kill('SIGKILL');
  }
}

/** Whether the promise settles within the time. */
async function settles(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  const inTime = await Promise.race([settled, late]);
  clearTimeout(timer);
  return inTime;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}
