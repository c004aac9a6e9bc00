import type { CaseSet } from '../../runtime/verify/case-set';
import {
  resultsOf,
  toReported,
  verificationResult,
  type VerificationReport,
} from '../../runtime/verify/report';
import type { CaseResult } from '../../runtime/verify/run';
import { Verifications } from '../http/verification';
import { DeviceProgress } from './device-progress';
import type { KeptReport } from './awaited-reports';
import { asksPages, reportsFromPages, type PageOptions } from './from-pages';
import { printJson, say } from './output';
import { verificationTable } from './verification-table';

/** What `tandem verify` was asked for. */
export interface VerifyOptions extends PageOptions {
  readonly cases?: CaseSet;
}

/**
 * `tandem verify`: every kernel against the float64 reference and PyTorch; here, in a headless
 * browser, or on the next devices that open the page. Ends with exit code 1 when a case fails.
 */
export async function verify(options: VerifyOptions): Promise<void> {
  const { cases } = options;
  const kept = asksPages(options)
    ? await reportsFromPages(options, {
        reports: ({ verifications }) => verifications,
        verb: 'verify',
        // The quick set unless asked otherwise: such a browser often computes in software.
        headlessPath: `/verify?cases=${cases ?? 'quick'}`,
        devicePath: cases === undefined ? '/verify' : `/verify?cases=${cases}`,
      })
    : [await verifyHere(cases ?? 'full')];
  const results: CaseResult[] = [];
  for (const { report, path } of kept) {
    const ofDevice = resultsOf(report);
    results.push(...ofDevice);
    say(verificationTable(report, ofDevice));
    say(`Kept as ${path}`);
  }
  const devices = kept.map(({ report }) => report.device.name).join(', ');
  const result = verificationResult(devices, results);
  if (options.json) printJson(result);
  if (result.failed > 0) process.exitCode = 1;
}

/** On this computer's own graphics processor, or in software, through Dawn. */
async function verifyHere(set: CaseSet): Promise<KeptReport<VerificationReport>> {
  // Loaded only here, with the graphics driver.
  const { runOnDawn } = await import('../engine/verify-on-dawn');
  const progress = new DeviceProgress('case');
  try {
    const { results, device, ms } = await runOnDawn(set, {
      begin: (next, done, total) => progress.show(done, total, `${next.op}, ${next.shape}`),
    });
    const cases = results.map(toReported);
    const report: VerificationReport = { type: 'report', device, set, ms, cases };
    return { report, path: await new Verifications().keep(report) };
  } finally {
    progress.stop();
  }
}
