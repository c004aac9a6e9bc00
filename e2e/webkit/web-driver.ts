import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A driver refused a command, or never started. */
export class WebDriverError extends Error {
  override readonly name = 'WebDriverError';
}

/** Another network namespace. */
export interface DriverPlace {
  /** The words that put a command there. */
  readonly prefix: readonly string[];
  /** Makes that port of its loopback the same one here. */
  readonly bring: (port: number) => Promise<void>;
}

/** How a browser calls an element's handle (W3C WebDriver, section 12). */
const elementKey = 'element-6066-11e4-a52e-4f735466cecf';

/** So often is a driver asked whether it has started; 20 s in all. */
const startTries = 200;
const startTryMs = 100;

/**
 * One browser, driven by the W3C WebDriver protocol (https://www.w3.org/TR/webdriver2/): the few
 * commands that the tests need.
 */
export class WebDriverSession {
  readonly #process: ChildProcess;
  readonly #url: string;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.#url = url;
  }

  /**
   * Starts a driver and a browser.
   * @param capabilities what is asked of the browser, all of it needed
   * @param place where they run, if not beside the test
   */
  static async start(
    driver: string,
    env: NodeJS.ProcessEnv,
    capabilities: Readonly<Record<string, unknown>>,
    place: DriverPlace = { prefix: [], bring: () => Promise.resolve() },
  ): Promise<WebDriverSession> {
    const port = await freePort();
    const words = [...place.prefix, driver, '--host=127.0.0.1', `--port=${port}`];
    const [program = '', ...args] = words;
    const child = spawn(program, args, { stdio: 'ignore', env });
    let ended: Error | undefined;
    child.once('error', (error) => (ended = error));
    child.once('exit', (code) => (ended ??= new Error(`it ended with code ${String(code)}`)));
    const url = `http://127.0.0.1:${port}`;
    try {
      await place.bring(port);
      for (let tries = 1; !(await answers(`${url}/status`)); tries++) {
        if (ended || tries === startTries) {
          throw new WebDriverError(`${driver} does not answer: ${ended?.message ?? 'too slow'}`);
        }
        await sleep(startTryMs);
      }
      const { sessionId } = await command<{ sessionId: string }>('POST', `${url}/session`, {
        capabilities: { alwaysMatch: capabilities },
      });
      return new WebDriverSession(child, `${url}/session/${sessionId}`);
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  /** The driver's process; the browser is its child. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Resolves when the page has loaded. */
  async open(url: string): Promise<void> {
    await this.#post('url', { url });
  }

  async reload(): Promise<void> {
    await this.#post('refresh', {});
  }

  async back(): Promise<void> {
    await this.#post('back', {});
  }

  async resize(width: number, height: number): Promise<void> {
    await this.#post('window/rect', { width, height });
  }

  /** Runs a function's body in the page; what it returns crosses as JSON. */
  run(script: string): Promise<unknown> {
    return this.#post('execute/sync', { script, args: [] });
  }

  /** Clicks where the element is, as a finger does: the page gets a user gesture. */
  async click(xpath: string): Promise<void> {
    const found = await this.#post('element', { using: 'xpath', value: xpath });
    const id = (found as Readonly<Record<string, string>>)[elementKey] ?? '';
    await this.#post(`element/${id}/click`, {});
  }

  /** A PNG of what is in sight. */
  async screenshot(): Promise<Uint8Array> {
    return Buffer.from(await command<string>('GET', `${this.#url}/screenshot`), 'base64');
  }

  /** Ends browser and driver. */
  async end(): Promise<void> {
    await command('DELETE', this.#url).catch(() => undefined);
    this.#process.kill();
  }

  #post(path: string, body: object): Promise<unknown> {
    return command('POST', `${this.#url}/${path}`, body);
  }
}

async function command<Value>(method: string, url: string, body?: object): Promise<Value> {
  const response = await fetch(url, body ? { method, body: JSON.stringify(body) } : { method });
  const { value } = (await response.json()) as { value: Value };
  if (response.ok) return value;
  const { error, message } = value as { error: string; message: string };
  throw new WebDriverError(`${method} ${new URL(url).pathname}: ${error}: ${message}`);
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
