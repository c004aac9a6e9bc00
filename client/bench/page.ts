import { codeOf } from '../../runtime/pairing/proof';
import { post } from '../device-page/post';
import { startDevicePage } from '../device-page/start';
import type { BenchOrder, BenchStatus } from './status';
import { forget, recall, remember } from './unfinished';
import { BenchView } from './view';

/*
 * Measures this device. `?ask=no` leaves out the question that needs a person. A run that never came
 * to its end is shown first, and the next one waits for a tap: it might end the same way.
 */

const view = new BenchView(() => location.reload());
const unfinished = recall();

if (unfinished) {
  forget();
  view.showUnfinished(unfinished);
  void post('/api/bench', unfinished).then((kept) => view.showKept(kept));
} else {
  // Left on purpose: that is no hang.
  addEventListener('pagehide', forget);
  startDevicePage<BenchStatus>({
    view,
    path: '/api/bench',
    newWorker: () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
    order: {
      type: 'start',
      ask: new URLSearchParams(location.search).get('ask') !== 'no',
      code: codeOf(location.hash),
    } satisfies BenchOrder,
    show(status, worker) {
      if (status.state === 'report') remember(status.report);
      if (status.state === 'asking') watchVisibility((order) => worker.postMessage(order));
      view.show(status);
    },
  });
}

/** Tells when the page is hidden and shown again, or that the person does not want that. */
function watchVisibility(tell: (order: BenchOrder) => void): void {
  let hiddenAt = 0;
  view.onSkip(() => tell({ type: 'skip' }));
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      hiddenAt = Date.now();
      tell({ type: 'hidden' });
    } else if (hiddenAt > 0) {
      tell({ type: 'shown', hiddenMs: Date.now() - hiddenAt });
    }
  });
}
