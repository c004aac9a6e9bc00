import {
  beatIntervalMs,
  ConnectionClosedError,
  type Socket,
} from '../../runtime/protocol/connection';
import type { WorkerOrders } from './orders';
import { failureReason } from '../../runtime/worker/failure';
import type { WorkerStatus } from '../../runtime/worker/status';
import { PipelineWorker } from '../../runtime/worker/worker';
import { requestDevice } from '../../runtime/webgpu/device';
import { WebGpuEngine } from '../../runtime/webgpu/engine';

/*
 * The engine and the socket live here, off the page's main thread. The page sends WorkerOrders
 * first, gets a WorkerStatus a change, and may send 'stop'.
 */

/** Between two tries to reach the host. */
const retryMs = 2_000;

/** A worker has no localStorage: what was timed is known until the page is closed. */
const tilesByKey = new Map<string, string>();
const tiles = {
  getItem: (key: string) => tilesByKey.get(key) ?? null,
  setItem: (key: string, value: string) => {
    tilesByKey.set(key, value);
  },
};

/** Before there is anything to stop, the page ends the worker itself. */
let stop = (): void => undefined;

function report(status: WorkerStatus): void {
  self.postMessage(status);
}

async function start({ memoryBytes }: WorkerOrders): Promise<void> {
  report({ state: 'connecting', host: location.host });
  const requested = await requestDevice(navigator.gpu);
  const worker = new PipelineWorker({
    engine: new WebGpuEngine(
      { ...requested, ...(memoryBytes !== undefined && { memoryBytes }) },
      { store: tiles, now: () => performance.now() },
    ),
    agent: navigator.userAgent,
    instance: crypto.randomUUID(),
    onStatus: report,
  });
  void requested.device.lost.then(({ message }) => {
    if (worker.hasEnded) return;
    worker.leave(`its graphics processor was lost: ${message}`);
    report({ state: 'failed', reason: 'device-lost', detail: message });
  });
  stop = () => worker.leave('stopped on the device');
  connect(worker, false);
}

/** Opens a socket, joins, and comes back by itself until the run is over. */
function connect(worker: PipelineWorker, hasJoined: boolean): void {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const webSocket = new WebSocket(`${scheme}://${location.host}/worker`);
  webSocket.binaryType = 'arraybuffer';
  let heart: ReturnType<typeof setInterval> | undefined;
  let joined = hasJoined;
  const again = (detail: string): void => {
    clearInterval(heart);
    if (worker.hasEnded) return;
    report({ state: 'failed', reason: joined ? 'host-gone' : 'host-unreachable', detail });
    setTimeout(() => connect(worker, joined), retryMs);
  };
  webSocket.addEventListener('open', () => {
    joined = true;
    const connection = worker.join(socketOf(webSocket), (error) => again(error.message));
    heart = setInterval(() => connection.beat(), beatIntervalMs);
    webSocket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      connection.receive(typeof data === 'string' ? data : new Uint8Array(data));
      connection.pump();
    });
    webSocket.addEventListener('close', ({ code, reason }) => {
      connection.close(new ConnectionClosedError(reason || `the connection closed (${code})`));
    });
  });
  webSocket.addEventListener('error', () => {
    if (heart === undefined) again(`no answer from ${location.host}`);
  });
}

/** The protocol's view of the browser's WebSocket. */
function socketOf(webSocket: WebSocket): Socket {
  return {
    sendText: (message) => webSocket.send(message),
    sendBinary: (message) => webSocket.send(message),
    bufferedAmount: () => webSocket.bufferedAmount,
    close: (code, reason) => {
      // A page may close with 1000 or 3000 to 4999 only.
      webSocket.close(code === 1000 ? code : 3000, reason);
    },
  };
}

self.addEventListener('message', ({ data }: MessageEvent<WorkerOrders | 'stop'>) => {
  if (data === 'stop') stop();
  else {
    start(data).catch((error: unknown) => {
      const detail = error instanceof Error ? error.message : String(error);
      report({ state: 'failed', reason: failureReason(error), detail });
    });
  }
});
