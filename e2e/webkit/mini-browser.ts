import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { WebDriverError, WebDriverSession, type DriverPlace } from './web-driver';

/** Wide enough for MiniBrowser's own toolbar, which is what bounds its window below. */
const phone = { width: 447, height: 900 };

/** WebKitGTK's MiniBrowser on a display of its own that nobody sees. */
export class MiniBrowser {
  readonly session: WebDriverSession;
  readonly #display: ChildProcess;

  private constructor(session: WebDriverSession, display: ChildProcess) {
    this.session = session;
    this.#display = display;
  }

  /**
   * @param trustsAll takes certificates of authorities that it does not know
   * @param place where it runs, if not beside the test; its display is seen from everywhere
   */
  static async start(trustsAll = false, place?: DriverPlace): Promise<MiniBrowser> {
    const { display, name } = await startDisplay();
    try {
      const env = { ...process.env, DISPLAY: name, GDK_BACKEND: 'x11' };
      const asked = {
        acceptInsecureCerts: trustsAll,
        'webkitgtk:browserOptions': { args: ['--automation'] },
      };
      const session = await WebDriverSession.start('WebKitWebDriver', env, asked, place);
      await session.resize(phone.width, phone.height);
      return new MiniBrowser(session, display);
    } catch (error) {
      display.kill();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.session.end();
    this.#display.kill();
  }
}

/** Xvfb chooses a free display and says which on the descriptor that it is given. */
async function startDisplay(): Promise<{ display: ChildProcess; name: string }> {
  const display = spawn(
    'Xvfb',
    ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
  );
  const ended = once(display, 'exit').then(([code]: unknown[]) => {
    throw new WebDriverError(`Xvfb ended with code ${String(code)}`);
  });
  const named = once(display.stdio[3] as Readable, 'data') as Promise<[Buffer]>;
  const [number] = await Promise.race([named, ended]);
  ended.catch(() => undefined);
  return { display, name: `:${number.toString().trim()}` };
}
