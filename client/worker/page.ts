import type { WorkerStatus } from '../../runtime/worker/status';
import type { PageStatus } from './description';
import { failures } from './failure';
import { memoryBudget } from './memory-budget';
import { findObstacle } from './obstacle';
import type { WorkerOrders } from './orders';
import { ScreenWakeLock, type ScreenState } from './screen-wake-lock';
import { StatusView } from './view';

/*
 * The main thread only shows; socket and engine live in the Web Worker. This file and what it
 * imports also run in browsers that are too old for WebGPU, to tell them so.
 */

/** Time for the worker's goodbye to leave before the worker is ended. */
const goodbyeMs = 500;

const screenWords: Readonly<Record<ScreenState, string>> = {
  on: 'The screen stays on while this page is in front.',
  'needs-tap': 'Tap here once to keep the screen on: a locked phone computes nothing.',
  unsupported: 'Keep the screen on: a locked phone computes nothing.',
};

class WorkerPage {
  readonly #view = new StatusView((action) => {
    if (action === 'again') location.reload();
    else this.#stop();
  });
  #worker: Worker | undefined;
  #wakeLock: ScreenWakeLock | undefined;
  #hasEnded = false;

  start(): void {
    const obstacle = findObstacle({
      isSecureContext,
      hasWebGpu: 'gpu' in navigator,
      origin: location.origin,
    });
    this.#show(obstacle ?? { state: 'connecting', host: location.host });
    if (obstacle) return;

    this.#wakeLock = new ScreenWakeLock((state) => {
      if (!this.#hasEnded) this.#view.showScreen(screenWords[state]);
    });
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    const memoryBytes = memoryBudget(navigator, location.search);
    this.#worker.postMessage({ memoryBytes } satisfies WorkerOrders);
    this.#worker.addEventListener('message', ({ data }: MessageEvent<WorkerStatus>) => {
      this.#show(data);
    });
    this.#worker.addEventListener('error', ({ message }) => {
      // A script that could not be loaded comes without a message.
      const detail = message || 'the page’s worker script could not be loaded';
      this.#show({ state: 'failed', reason: 'internal', detail });
    });
  }

  #show(status: PageStatus): void {
    if (this.#hasEnded) return;
    this.#hasEnded = isEnd(status);
    if (this.#hasEnded) {
      this.#wakeLock?.release();
      this.#view.showScreen(undefined);
    }
    this.#view.show(status);
  }

  #stop(): void {
    this.#worker?.postMessage('stop');
    setTimeout(() => this.#worker?.terminate(), goodbyeMs);
    this.#show({ state: 'stopped' });
  }
}

/** Whether nothing comes after this status until the page is loaded again. */
function isEnd(status: PageStatus): boolean {
  if (status.state === 'failed') return !failures[status.reason].retries;
  return status.state === 'finished' || status.state === 'stopped';
}

new WorkerPage().start();
