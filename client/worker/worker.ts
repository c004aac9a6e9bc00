import { describeTransport } from '../../runtime/link/description';
import { failureReason } from '../../runtime/worker/failure';
import { PipelineWorker } from '../../runtime/worker/worker';
import { browserIdentity } from './device-key';
import { makeEngine, type MadeEngine } from './engine';
import { joinHost, type JoinedHost } from '../../runtime/worker/join-host';
import { browserPlatform } from './browser-platform';
import type { FromWorker, StartOrder, ToWorker } from './worker-message';

/*
 * Engine and link live here, off the page's main thread. What becomes of them when they are lost
 * is the page's decision (life-cycle.ts).
 */

let worker: PipelineWorker | undefined;
let engine: MadeEngine | undefined;
let isHidden = false;
let link: JoinedHost | undefined;

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  switch (data.type) {
    case 'start':
      start(data).catch(fail);
      break;
    case 'connect':
      connect();
      break;
    case 'check-link':
      link?.check();
      break;
    case 'hidden':
    case 'in-sight':
      isHidden = data.type === 'hidden';
      obeySight();
      break;
    case 'leave':
      worker?.leave('stopped on the device');
      break;
  }
});

async function start(order: StartOrder): Promise<void> {
  const { engine: computing, lost } = (engine = await makeEngine(order));
  obeySight();
  const made = new PipelineWorker({
    engine: computing,
    agent: navigator.userAgent,
    instance: order.instance,
    identity: browserIdentity(order.code),
    onStatus: (status) => tell({ type: 'status', status }),
  });
  worker = made;
  void lost.then((detail) => {
    if (made.hasEnded) return;
    made.leave(`its graphics processor was lost: ${detail}`);
    tell({ type: 'engine-lost', reason: 'device-lost', detail });
  });
  tell({ type: 'engine-ready' });
}

/** What a hidden page computes can cost it its graphics processor. */
function obeySight(): void {
  if (isHidden) engine?.pause();
  else engine?.resume();
}

function connect(): void {
  if (!worker) return;
  const joining = worker;
  link = joinHost(location.origin, joining, browserPlatform, {
    joined: () => tell({ type: 'joined' }),
    transport: (facts) => tell({ type: 'transport', words: describeTransport(facts) }),
    lost: ({ message }) => {
      // It said itself why it has ended.
      if (!joining.hasEnded) tell({ type: 'link-lost', detail: message });
    },
  });
}

function fail(error: unknown): void {
  const detail = error instanceof Error ? error.message : String(error);
  tell({ type: 'failed', reason: failureReason(error), detail });
}

function tell(message: FromWorker): void {
  self.postMessage(message);
}
