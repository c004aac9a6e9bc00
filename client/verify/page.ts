import { ScreenWakeLock } from '../worker/screen-wake-lock';
import { findObstacle } from '../worker/obstacle';
import type { VerifyStatus } from './status';
import { VerifyView } from './view';

/*
 * Checks the kernels on this device. `?cases=quick` or `full` chooses the set; a person who opens
 * the page gets all of it. This file and what it imports also run in browsers that are too old for
 * WebGPU, to tell them so.
 */

const view = new VerifyView(() => location.reload());

function start(): void {
  const { origin, host, search } = location;
  const obstacle = findObstacle({ isSecureContext, hasWebGpu: 'gpu' in navigator, origin });
  if (obstacle?.state === 'failed') {
    const { reason, detail } = obstacle;
    view.show({ state: 'failed', reason, detail });
    const message = { type: 'failure', reason, detail, agent: navigator.userAgent };
    void fetch('/api/verify', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(message),
    });
    return;
  }
  const wakeLock = new ScreenWakeLock((state) => view.showScreen(state === 'needs-tap'));
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<VerifyStatus>) => {
    if (data.state === 'finished' || data.state === 'failed') wakeLock.release();
    view.show(data);
  });
  worker.addEventListener('error', ({ message }) => {
    const detail = message || `the page’s worker script could not be loaded from ${host}`;
    view.show({ state: 'failed', reason: 'internal', detail });
  });
  worker.postMessage(new URLSearchParams(search).get('cases') ?? 'full');
}

start();
