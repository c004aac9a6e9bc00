import type { DeviceReports } from '../http/device-reports';

/** A report, and the file that holds it. */
export interface KeptReport<Report> {
  readonly report: Report;
  readonly path: string;
}

/** A device could not do what its page is for. */
export class DevicePageError extends Error {
  override readonly name = 'DevicePageError';
}

/** Longer than any part of a benchmark takes, the question that a person answers included. */
const patienceMs = 10 * 60_000;

/**
 * The whole reports of so many devices, in the order in which they come. Waits for ever for a
 * device that has not begun: a person is on the way to it.
 *
 * @param atWork what a device that reports on the way is at, as `a phone: the bandwidth`; undefined
 * for a whole report
 * @param say gets that, each time that it is another
 * @throws DevicePageError when devices have begun and none says a word for the patience's time
 */
export async function awaitReports<Report extends { readonly type: 'report' }>(
  reports: DeviceReports<Report>,
  count: number,
  atWork: (report: Report) => string | undefined,
  say: (line: string) => void,
  patience = patienceMs,
): Promise<KeptReport<Report>[]> {
  const whole: KeptReport<Report>[] = [];
  let silence: ReturnType<typeof setTimeout> | undefined;
  let last: string | undefined;
  try {
    return await new Promise((resolve, reject) => {
      reports.onReport = (report, path) => {
        clearTimeout(silence);
        const at = atWork(report);
        if (at === undefined) {
          whole.push({ report, path });
          if (whole.length >= count) resolve(whole);
          return;
        }
        if (at !== last) say(at);
        last = at;
        silence = setTimeout(() => {
          const message = `nothing was heard for ${patience / 1000} s since ${at}; that page hangs or is closed: open it again, and run the command again (what it found is kept as ${path})`;
          reject(new DevicePageError(message));
        }, patience);
      };
    });
  } finally {
    clearTimeout(silence);
  }
}
