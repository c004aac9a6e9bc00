import { MiniBrowser } from './mini-browser';
import { Phone } from './phone';
import { signalTree } from './process-tree';
import type { DriverPlace } from './web-driver';

/** The page in WebKitGTK: Safari's engine. */
export class WebKitPhone extends Phone {
  readonly engine = 'webkitgtk';
  readonly #browser: MiniBrowser;

  private constructor(browser: MiniBrowser) {
    super();
    this.#browser = browser;
  }

  /** @param trustsAll takes certificates of authorities that it does not know */
  static async start(trustsAll = false, place?: DriverPlace): Promise<WebKitPhone> {
    return new WebKitPhone(await MiniBrowser.start(trustsAll, place));
  }

  open(url: string): Promise<void> {
    return this.#browser.session.open(url);
  }

  reload(): Promise<void> {
    return this.#browser.session.reload();
  }

  back(): Promise<void> {
    return this.#browser.session.back();
  }

  run(script: string): Promise<unknown> {
    return this.#browser.session.run(script);
  }

  press(label: string): Promise<void> {
    return this.#browser.session.click(`//button[normalize-space()='${label}']`);
  }

  resize(width: number, height: number): Promise<void> {
    return this.#browser.session.resize(width, height);
  }

  suspend(): void {
    signalTree(this.#browser.session.pid, 'SIGSTOP');
  }

  resume(): void {
    signalTree(this.#browser.session.pid, 'SIGCONT');
  }

  close(): Promise<void> {
    return this.#browser.close();
  }

  protected screenshot(): Promise<Uint8Array> {
    return this.#browser.session.screenshot();
  }
}
