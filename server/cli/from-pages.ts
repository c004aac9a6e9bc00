import type { Command } from 'commander';
import type { DeviceReports } from '../http/device-reports';
import type { HostServer } from '../http/server';
import { awaitReports, DevicePageError, type KeptReport } from './awaited-reports';
import { Invitation } from './invitation';
import { portNumber, wholeNumber } from './options';
import { jsonOption, say } from './output';
import { serve, type ServeOptions } from './serve';
import { UsageError } from './usage-error';

/** Which devices a command asks: this computer where neither is given. */
export interface PageOptions extends ServeOptions {
  readonly headlessWorker: boolean;
  readonly waitFor?: number;
  readonly json: boolean;
}

export function addPageOptions(command: Command): Command {
  return command
    .option('--headless-worker', 'in a headless browser on this computer', false)
    .option('--wait-for <devices>', 'on the next devices that open the page', wholeNumber(1))
    .option('--listen <address>', 'serve the page here; 0.0.0.0 for the network', '127.0.0.1')
    .option('--port <number>', 'at this port (default: 7070, or any free one)', portNumber)
    .option(
      '--https-port <number>',
      'for other devices (default: 7443, or any free one)',
      portNumber,
    )
    .option(...jsonOption);
}

/** A page that reports, and how to ask for it. */
export interface ReportingPage<Report extends { readonly type: 'report' }> {
  readonly reports: (server: HostServer) => DeviceReports<Report>;
  /** What the page does, as `verify`. */
  readonly verb: string;
  readonly headlessPath: string;
  readonly devicePath: string;
  /** What the device is at, where more will come; every report is whole where absent. */
  readonly atWork?: (report: Report) => string | undefined;
}

/** Whether the command runs in pages at all. Throws UsageError when asked for both kinds. */
export function asksPages({ headlessWorker, waitFor }: PageOptions): boolean {
  if (headlessWorker && waitFor !== undefined) {
    throw new UsageError('--headless-worker and --wait-for exclude each other');
  }
  return headlessWorker || waitFor !== undefined;
}

/** The reports of a headless browser here, or of the next devices that open the page. */
export async function reportsFromPages<Report extends { readonly type: 'report' }>(
  options: PageOptions,
  page: ReportingPage<Report>,
): Promise<KeptReport<Report>[]> {
  const server = await serve(options);
  try {
    return options.headlessWorker
      ? await fromHeadlessBrowser(server, page)
      : await fromDevices(server, page, options);
  } finally {
    await server.close();
  }
}

async function fromHeadlessBrowser<Report extends { readonly type: 'report' }>(
  server: HostServer,
  { reports, verb, headlessPath, atWork = () => undefined }: ReportingPage<Report>,
): Promise<KeptReport<Report>[]> {
  const { startHeadlessWorker } = await import('../headless/headless-worker');
  const reported = awaitReports(reports(server), 1, atWork, say);
  const failed = new Promise<never>((_, reject) => {
    reports(server).onFailure = ({ reason, detail }) => {
      reject(new DevicePageError(`the page could not ${verb} (${reason}): ${detail}`));
    };
  });
  // Handled below, but the browser may fail first.
  for (const early of [reported, failed]) early.catch(() => undefined);
  // A guest: nothing of it is remembered.
  const code = server.pairing?.codes.mint(false) ?? '';
  const phone = await startHeadlessWorker({
    url: new URL(`${headlessPath}#${code}`, server.url).href,
    onPageError: (text) => say(`page: ${text}`),
  });
  say(`Headless worker: ${phone.description}`);
  try {
    const gone = phone.closed.then((reason) => {
      throw new DevicePageError(`the headless browser is gone: ${reason}`);
    });
    gone.catch(() => undefined);
    return await Promise.race([reported, failed, gone]);
  } finally {
    await phone.close();
  }
}

/** Waits for as many reports as were asked for; a device that can't is named, and waited on. */
async function fromDevices<Report extends { readonly type: 'report' }>(
  server: HostServer,
  { reports, verb, devicePath, atWork = () => undefined }: ReportingPage<Report>,
  { waitFor = 1 }: PageOptions,
): Promise<KeptReport<Report>[]> {
  const invitation = new Invitation(server, say, devicePath);
  invitation.show();
  const received = reports(server);
  received.onFailure = ({ reason, detail, agent }) => {
    say(`A device could not ${verb} (${reason}): ${detail}; ${agent}`);
  };
  try {
    return await awaitReports(received, waitFor, atWork, say);
  } finally {
    invitation.stop();
  }
}
