import type { HeadlessWorker } from '../headless/headless-worker';
import type { HostServer } from '../http/server';
import type { TrainOptions } from './train-options';

/** Without a number as many as the cut needs; one where the run chooses its cut. */
export function phonesAskedFor({ headlessWorker, cut }: TrainOptions): number {
  if (headlessWorker === true) return cut === 'auto' ? 1 : cut.length;
  return headlessWorker ?? 0;
}

/** What ends so often does not end by accident. */
const defaultMaxRestarts = 3;

/** Local headless browsers as workers; one whose browser ends is started again. */
export class HeadlessPhones {
  readonly #server: HostServer;
  readonly #report: (text: string) => void;
  readonly #failed: (error: Error) => void;
  readonly #running = new Set<HeadlessWorker>();
  readonly #maxRestarts: number;
  #restarts = 0;
  #isRetired = false;

  /** @param failed hears of one that is gone for good */
  constructor(
    server: HostServer,
    report: (text: string) => void,
    failed: (error: Error) => void,
    maxRestarts = defaultMaxRestarts,
  ) {
    this.#maxRestarts = maxRestarts;
    this.#server = server;
    this.#report = report;
    this.#failed = failed;
  }

  get running(): readonly HeadlessWorker[] {
    return [...this.#running];
  }

  async start(count: number): Promise<void> {
    for (let index = 0; index < count; index++) await this.#startOne();
  }

  /** The run is over: from here on one whose browser ends is not missed. */
  retire(): void {
    this.#isRetired = true;
  }

  async close(): Promise<void> {
    this.retire();
    await Promise.all(this.running.map((phone) => phone.close()));
  }

  async #startOne(): Promise<void> {
    // Loaded only here: Playwright takes half a second to start.
    const { startHeadlessWorker } = await import('../headless/headless-worker');
    // A guest: nothing of it is remembered.
    const code = this.#server.pairing?.codes.mint(false);
    const phone = await startHeadlessWorker({
      url: code === undefined ? this.#server.url : `${this.#server.url}#${code}`,
      onPageError: (text) => this.#report(`page: ${text}`),
    });
    this.#running.add(phone);
    // The run ended while the browser started.
    if (this.#isRetired) await phone.close();
    else this.#report(`Headless worker: ${phone.description}`);
    void phone.closed.then((reason) => this.#replace(phone, reason));
  }

  async #replace(phone: HeadlessWorker, reason: string): Promise<void> {
    this.#running.delete(phone);
    if (this.#isRetired) return;
    await phone.close();
    const gone = `the headless worker is gone: ${reason}`;
    if (this.#restarts === this.#maxRestarts) {
      this.#report(`${gone}; after ${this.#restarts} restarts it is not started again`);
      this.#failed(new Error(gone));
      return;
    }
    this.#restarts++;
    this.#report(`${gone}; starting another`);
    try {
      await this.#startOne();
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
