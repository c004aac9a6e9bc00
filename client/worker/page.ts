import { codeOf } from '../../runtime/pairing/proof';
import { live, newLife, type LifeEvent, type Order } from './life-cycle';
import { memoryBudget } from './memory-budget';
import { findObstacle } from './obstacle';
import { ScreenWakeLock, type ScreenState } from './screen-wake-lock';
import { rememberStart, wasStarted } from './start-memory';
import { StatusView } from './view';
import { WorkingTab } from './working-tab';
import { engineName, tilesMs, type FromWorker, type ToWorker } from './worker-message';

/*
 * The main thread shows and decides; link and engine live in the Web Worker. This file and what it
 * imports also run in browsers that are too old for WebGPU, to tell them so.
 */

/** Time for the worker's last words to reach the host, before it is ended. */
const goodbyeMs = 500;

const screenWords: Readonly<Record<ScreenState, string>> = {
  on: 'The screen stays on while this page is in front.',
  'needs-tap': 'Tap here once to keep the screen on: a locked phone computes nothing.',
  unsupported: 'Keep the screen on: a locked phone computes nothing.',
};

class WorkerPage {
  readonly #view = new StatusView((action) => {
    if (action === 'reload') location.reload();
    else this.#happen({ type: action });
  }, goWithCode);
  readonly #tab = new WorkingTab(() => this.#happen({ type: 'taken-over' }));
  readonly #wakeLock = new ScreenWakeLock((state) => this.#view.showScreen(screenWords[state]));
  readonly #engine = engineName(location.search);
  #instance = '';
  #life = newLife;
  #worker: Worker | undefined;
  #wait: ReturnType<typeof setTimeout> | undefined;

  async start(): Promise<void> {
    const obstacle = findObstacle({
      isSecureContext,
      hasWebGpu: 'gpu' in navigator || this.#engine === 'reference',
      origin: location.origin,
    });
    if (obstacle) {
      this.#view.show(obstacle);
      return;
    }
    this.#instance = crypto.randomUUID();
    this.#listen();
    if (await this.#needsTap()) this.#view.show({ state: 'ready', host: location.host });
    else this.#happen({ type: 'start' });
  }

  /**
   * Without a tap Safari lets the screen go dark, and a dark phone computes nothing. A page that
   * was started before, and that the system loaded again, goes on even so; and so does a computer.
   */
  async #needsTap(): Promise<boolean> {
    if (wasStarted() || !matchMedia('(pointer: coarse)').matches) return false;
    return (await this.#wakeLock.request()) === 'needs-tap';
  }

  #listen(): void {
    document.addEventListener('visibilitychange', () => {
      this.#tellSight();
      this.#happen({ type: document.hidden ? 'hidden' : 'returned' });
    });
    // Another link was opened over this page: its code counts.
    window.addEventListener('hashchange', () => location.reload());
    window.addEventListener('pagehide', () => this.#happen({ type: 'hidden' }));
    window.addEventListener('pageshow', ({ persisted }) => {
      if (persisted) this.#happen({ type: 'returned' });
    });
    // Not `offline`: a phone with a cable and no other network may count as that.
    window.addEventListener('online', () => this.#happen({ type: 'returned' }));
  }

  #happen(event: LifeEvent): void {
    const { life, orders } = live(this.#life, event);
    this.#life = life;
    for (const order of orders) this.#carryOut(order);
  }

  #carryOut(order: Order): void {
    switch (order.do) {
      case 'start-engine':
        this.#startEngine();
        break;
      case 'say-goodbye':
        this.#tell({ type: 'leave' });
        break;
      case 'end-engine': {
        const ending = this.#worker;
        this.#worker = undefined;
        setTimeout(() => ending?.terminate(), goodbyeMs);
        break;
      }
      case 'connect':
      case 'check-link':
        this.#tell({ type: order.do });
        break;
      case 'wait':
        clearTimeout(this.#wait);
        if (order.ms === 0) break;
        this.#wait = setTimeout(() => this.#happen({ type: 'waited' }), order.ms);
        break;
      case 'keep-screen-on':
        rememberStart();
        this.#tab.begin();
        this.#wakeLock.keep();
        break;
      case 'let-screen-go':
        this.#tab.end();
        this.#wakeLock.release();
        this.#view.showScreen(undefined);
        break;
      case 'show-failure':
        this.#view.show({ state: 'failed', reason: order.reason, detail: order.detail });
        break;
      case 'show':
        this.#view.show({ state: order.state, host: location.host });
        break;
    }
  }

  #startEngine(): void {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
      if (worker === this.#worker) this.#hear(data);
    });
    worker.addEventListener('error', ({ message }) => {
      if (worker !== this.#worker) return;
      // A script that could not be loaded comes without a message.
      const detail = message || 'the page’s worker script could not be loaded';
      this.#happen({ type: 'engine-lost', reason: 'internal', detail });
    });
    this.#tell({
      type: 'start',
      engine: this.#engine,
      instance: this.#instance,
      code: codeOf(location.hash),
      memoryBytes: memoryBudget(navigator, location.search),
      tilesMs: tilesMs(location.search),
    });
    this.#tellSight();
  }

  #tellSight(): void {
    this.#tell({ type: document.hidden ? 'hidden' : 'in-sight' });
  }

  #hear(message: FromWorker): void {
    if (message.type === 'transport') {
      this.#view.showLink(message.words);
      return;
    }
    if (message.type !== 'status') {
      this.#happen(message);
      return;
    }
    const { status } = message;
    if (status.state === 'failed') {
      const type = status.reason === 'device-lost' ? 'engine-lost' : 'failed';
      this.#happen({ type, reason: status.reason, detail: status.detail });
      return;
    }
    // Let in: the code is used, and the key is what counts from now on.
    if (location.hash !== '') history.replaceState(null, '', location.pathname + location.search);
    this.#view.show(status);
    if (status.state === 'training' && status.imagesPerSecond > 0)
      this.#happen({ type: 'stepped' });
    if (status.state === 'finished') this.#happen({ type: 'run-over' });
  }

  #tell(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}

/** As if the link had been opened over this page, which then loads again. */
function goWithCode(code: string): void {
  if (location.hash === `#${code}`) location.reload();
  else location.hash = code;
}

void new WorkerPage().start();
