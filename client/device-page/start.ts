import { findObstacle } from '../worker/obstacle';
import { ScreenWakeLock } from '../worker/screen-wake-lock';
import { failureMessage, type Failed } from './failed';
import { post } from './post';
import type { DeviceView } from './view';

/** A page that works on this device, in a Web Worker. */
export interface DevicePage<Status extends { readonly state: string }> {
  readonly view: DeviceView;
  /** Where the host takes its reports. */
  readonly path: string;
  readonly newWorker: () => Worker;
  /** The Web Worker's first message. */
  readonly order: unknown;
  readonly show: (status: Exclude<Status, Failed>, worker: Worker) => void;
}

/**
 * Starts the work, or says what is in its way. This and what it imports also run in browsers that
 * are too old for WebGPU, to tell them so.
 */
export function startDevicePage<Status extends { readonly state: string }>(
  page: DevicePage<Status>,
): void {
  const { view, path, order } = page;
  const { origin, host } = location;
  const obstacle = findObstacle({ isSecureContext, hasWebGpu: 'gpu' in navigator, origin });
  if (obstacle?.state === 'failed') {
    view.showFailed(obstacle);
    void post(path, failureMessage(obstacle));
    return;
  }
  const wakeLock = new ScreenWakeLock((state) => view.showScreen(state === 'needs-tap'));
  const worker = page.newWorker();
  worker.addEventListener('message', ({ data }: MessageEvent<Status>) => {
    if (data.state === 'finished' || data.state === 'failed') wakeLock.release();
    if (isFailed(data)) view.showFailed(data);
    else page.show(data as Exclude<Status, Failed>, worker);
  });
  worker.addEventListener('error', ({ message }) => {
    const detail = message || `the page’s worker script could not be loaded from ${host}`;
    view.showFailed({ state: 'failed', reason: 'internal', detail });
  });
  worker.postMessage(order);
}

function isFailed(status: { readonly state: string }): status is Failed {
  return status.state === 'failed';
}
