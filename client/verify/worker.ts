import { caseSets, type CaseSet } from '../../runtime/verify/case-set';
import { verificationCases } from '../../runtime/verify/cases';
import { toReported, type VerificationReport } from '../../runtime/verify/report';
import { runCases, type CaseResult } from '../../runtime/verify/run';
import { limitsOf, requestDevice } from '../../runtime/webgpu/device';
import { hasHalf } from '../../runtime/webgpu/precision';
import { failedBy, failureMessage } from '../device-page/failed';
import { post } from '../device-page/post';
import { fetchGolden } from './host';
import type { VerifyStatus } from './status';

/* The kernels and their float64 reference run here, off the page's main thread. */

function report(status: VerifyStatus): void {
  self.postMessage(status);
}

async function verify(set: CaseSet): Promise<void> {
  const golden = await fetchGolden();
  const target = await requestDevice(navigator.gpu);
  const cases = verificationCases(set, golden, hasHalf(target.device));
  const limits = limitsOf(target.device);
  const device = target.description;
  report({ state: 'ready', device, limits, set, total: cases.length });
  const started = Date.now();
  const results: CaseResult[] = [];
  await runCases(target, cases, {
    begin: ({ op, shape }) => report({ state: 'running', op, shape }),
    result: (result) => {
      results.push(result);
      report({ state: 'result', result });
    },
  });
  const ms = Date.now() - started;
  const kept = await post('/api/verify', {
    type: 'report',
    device: { name: device, limits, agent: navigator.userAgent },
    set,
    ms,
    cases: results.map(toReported),
  } satisfies VerificationReport);
  report({ state: 'finished', ms, kept });
}

self.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
  verify(caseSets.find((set) => set === data) ?? 'full').catch(async (error: unknown) => {
    const failed = failedBy(error);
    await post('/api/verify', failureMessage(failed));
    report(failed);
  });
});
