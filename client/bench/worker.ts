import { computeWhileHidden } from '../../runtime/bench/hiding';
import { measureLink } from '../../runtime/bench/link';
import { runBenchmark } from '../../runtime/bench/run';
import { benchSettings } from '../../runtime/bench/settings';
import { limitsOf, requestDevice, type RequestedDevice } from '../../runtime/webgpu/device';
import { failedBy, failureMessage } from '../device-page/failed';
import { post } from '../device-page/post';
import { browserPlatform } from '../worker/browser-platform';
import { browserIdentity } from '../worker/device-key';
import { RunningReport } from './running-report';
import type { BenchOrder, BenchStatus, StartOrder } from './status';

/* The device is measured here, off the page's main thread. */

/** Nobody has put the page into the background by then. */
const askingMs = 120_000;

const orders = new EventTarget();

self.addEventListener('message', ({ data }: MessageEvent<BenchOrder>) => {
  if (data.type === 'start') void bench(data);
  else orders.dispatchEvent(new CustomEvent(data.type, { detail: data }));
});

function tell(status: BenchStatus): void {
  self.postMessage(status);
}

function ordered<Type extends BenchOrder['type']>(
  type: Type,
): Promise<Extract<BenchOrder, { type: Type }>> {
  return new Promise((resolve) => {
    const listener = (event: Event): void => {
      resolve((event as CustomEvent<Extract<BenchOrder, { type: Type }>>).detail);
    };
    orders.addEventListener(type, listener, { once: true });
  });
}

async function bench({ ask, code }: StartOrder): Promise<void> {
  let report: RunningReport | undefined;
  try {
    const target = await requestDevice(navigator.gpu);
    const { description: device, software = false } = target;
    report = new RunningReport(target, (grown) => tell({ state: 'report', report: grown }));
    const limits = { ...limitsOf(target.device) };
    tell({ state: 'ready', device, limits, software });
    await begin(report, 'the link to the computer', 0);
    const visitor = { device, agent: navigator.userAgent, identity: browserIdentity(code) };
    report.add({ link: await measureLink(location.origin, browserPlatform, visitor) });
    await measure(target, report);
    if (ask) await hide(target, report);
    const kept = await report.send('finished', 'all is measured');
    tell({ state: 'finished', kept });
  } catch (error) {
    const failed = failedBy(error);
    if (report) await report.send('broken', failed.detail);
    else await post('/api/bench', failureMessage(failed));
    tell(failed);
  }
}

async function begin(report: RunningReport, what: string, fraction: number): Promise<void> {
  tell({ state: 'running', what, fraction });
  await report.send('running', what);
}

async function measure(target: RequestedDevice, report: RunningReport): Promise<void> {
  await runBenchmark(target, {
    begin: (what, fraction) => begin(report, what, fraction),
    found: (findings) => report.add(findings),
  });
}

/** Whether the device outlives a page in the background, when the person puts it there. */
async function hide({ device, software = false }: RequestedDevice, report: RunningReport) {
  tell({ state: 'asking' });
  await report.send('running', 'the question whether hiding the page loses the device');
  const hidden = ordered('hidden').then(() => true);
  const skipped = ordered('skip').then(() => false);
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, askingMs, false));
  const shown = ordered('shown').then(({ hiddenMs }) => hiddenMs);
  if (!(await Promise.race([hidden, skipped, late]))) return;
  const newDevice = async (): Promise<GPUDevice> => (await requestDevice(navigator.gpu)).device;
  // The submits before may have lost the first one.
  const isLost = await Promise.race([device.lost.then(() => true), Promise.resolve(false)]);
  const current = isLost ? await newDevice() : device;
  const hiding = await computeWhileHidden(current, benchSettings(software), shown, newDevice);
  report.add({ hiding });
}
