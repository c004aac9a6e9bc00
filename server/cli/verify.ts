import type { CaseSet } from '../../runtime/verify/case-set';
import {
  resultsOf,
  toReported,
  verificationResult,
  type VerificationReport,
} from '../../runtime/verify/report';
import type { CaseResult } from '../../runtime/verify/run';
import { isLoopback, type HostServer } from '../http/server';
import { Verifications } from '../http/verification';
import { serve } from './serve';
import { UsageError } from './usage-error';
import { verificationTable } from './verification-table';
import { VerifyProgress } from './verify-progress';

/** What `tandem verify` was asked for. */
export interface VerifyOptions {
  readonly headlessWorker: boolean;
  readonly waitFor?: number;
  readonly cases?: CaseSet;
  readonly listen: string;
  readonly port?: number;
  readonly httpsPort?: number;
  readonly json: boolean;
}

/** A device could not verify itself. */
export class VerificationError extends Error {
  override readonly name = 'VerificationError';
}

/** A report, and the file that holds it. */
interface KeptReport {
  readonly report: VerificationReport;
  readonly path: string;
}

/**
 * `tandem verify`: every kernel against the float64 reference and PyTorch; here, in a headless
 * browser, or on the next devices that open the page. Ends with exit code 1 when a case fails.
 */
export async function verify(options: VerifyOptions): Promise<void> {
  if (options.headlessWorker && options.waitFor !== undefined) {
    throw new UsageError('--headless-worker and --wait-for exclude each other');
  }
  const kept =
    options.headlessWorker || options.waitFor !== undefined
      ? await fromPages(options)
      : [await verifyHere(options.cases ?? 'full')];
  const results: CaseResult[] = [];
  for (const { report, path } of kept) {
    const ofDevice = resultsOf(report);
    results.push(...ofDevice);
    say(verificationTable(report, ofDevice));
    say(`Kept as ${path}`);
  }
  const devices = kept.map(({ report }) => report.device.name).join(', ');
  const result = verificationResult(devices, results);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (result.failed > 0) process.exitCode = 1;
}

/** On this computer's own graphics processor, or in software, through Dawn. */
async function verifyHere(set: CaseSet): Promise<KeptReport> {
  // Loaded only here, with the graphics driver.
  const { runOnDawn } = await import('../engine/verify-on-dawn');
  const progress = new VerifyProgress();
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

async function fromPages(options: VerifyOptions): Promise<KeptReport[]> {
  const server = await serve(options);
  try {
    return options.headlessWorker
      ? [await fromHeadlessBrowser(server, options.cases ?? 'quick')]
      : await fromDevices(server, options);
  } finally {
    await server.close();
  }
}

/** The quick set unless asked otherwise: such a browser often computes in software. */
async function fromHeadlessBrowser(server: HostServer, set: CaseSet): Promise<KeptReport> {
  const { startHeadlessWorker } = await import('../headless/headless-worker');
  const reported = new Promise<KeptReport>((resolve, reject) => {
    server.verifications.onReport = (report, path) => resolve({ report, path });
    server.verifications.onFailure = ({ reason, detail }) => {
      reject(new VerificationError(`the page could not verify (${reason}): ${detail}`));
    };
  });
  // Handled below, but the browser may fail first.
  reported.catch(() => undefined);
  const phone = await startHeadlessWorker({
    url: new URL(`/verify?cases=${set}`, server.url).href,
    onPageError: (text) => say(`page: ${text}`),
  });
  say(`Headless worker: ${phone.description}`);
  try {
    const gone = phone.closed.then((reason) => {
      throw new VerificationError(`the headless browser is gone: ${reason}`);
    });
    gone.catch(() => undefined);
    return await Promise.race([reported, gone]);
  } finally {
    await phone.close();
  }
}

/** Waits for as many reports as were asked for; a device that can't is named, and waited on. */
async function fromDevices(
  server: HostServer,
  { waitFor = 1, cases, listen }: VerifyOptions,
): Promise<KeptReport[]> {
  const query = cases === undefined ? '' : `?cases=${cases}`;
  say(`Open on the device: ${new URL(`/verify${query}`, server.url).href}`);
  if (isLoopback(listen)) {
    say(
      '  It listens on this computer alone: a browser here can open it, a phone can not. --listen 0.0.0.0 opens it to the network; phones also need https for WebGPU.',
    );
  }
  const kept: KeptReport[] = [];
  return new Promise((resolve) => {
    server.verifications.onFailure = ({ reason, detail, agent }) => {
      say(`A device could not verify (${reason}): ${detail}; ${agent}`);
    };
    server.verifications.onReport = (report, path) => {
      kept.push({ report, path });
      if (kept.length >= waitFor) resolve(kept);
    };
  });
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
