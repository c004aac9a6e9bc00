import { startDevicePage } from '../device-page/start';
import type { VerifyStatus } from './status';
import { VerifyView } from './view';

/*
 * Checks the kernels on this device. `?cases=quick` or `full` chooses the set; a person who opens
 * the page gets all of it.
 */

const view = new VerifyView(() => location.reload());

startDevicePage<VerifyStatus>({
  view,
  path: '/api/verify',
  newWorker: () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  order: new URLSearchParams(location.search).get('cases') ?? 'full',
  show: (status) => view.show(status),
});
