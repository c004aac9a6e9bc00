import { randomUUID } from 'node:crypto';
import type { BenchmarkReport } from '../../runtime/bench/report';
import { wrongCount } from '../../runtime/bench/words';
import { Benchmarks } from '../http/benchmark';
import { benchmarkTable } from './benchmark-table';
import { DeviceProgress } from './device-progress';
import type { KeptReport } from './awaited-reports';
import { asksPages, reportsFromPages, type PageOptions } from './from-pages';
import { printJson, say } from './output';

export type BenchOptions = PageOptions;

/**
 * `tandem bench`: what a graphics processor reaches, and what it lets a kernel do; here, in a
 * headless browser, or on the next devices that open the page. Ends with exit code 1 when a result
 * is wrong or a device could not measure all.
 */
export async function bench(options: BenchOptions): Promise<void> {
  const kept = asksPages(options)
    ? await reportsFromPages(options, {
        reports: ({ benchmarks }) => benchmarks,
        verb: 'measure anything',
        // Nobody is there to put the page into the background.
        headlessPath: '/bench?ask=no',
        devicePath: '/bench',
        atWork: ({ device, state, at }) =>
          state === 'running' ? `${device.name}: ${at}` : undefined,
      })
    : [await benchHere()];
  for (const { report, path } of kept) {
    say(benchmarkTable(report));
    say(`Kept as ${path}`);
    if (report.state === 'broken' || wrongCount(report) > 0) process.exitCode = 1;
  }
  const devices = kept.map(({ report }) => report);
  if (options.json) printJson({ devices });
}

/** On this computer's own graphics processor, or in software, through Dawn. */
async function benchHere(): Promise<KeptReport<BenchmarkReport>> {
  // Loaded only here, with the graphics driver.
  const { benchOnDawn } = await import('../engine/bench-on-dawn');
  const progress = new DeviceProgress('%');
  try {
    const started = Date.now();
    const { device, software, findings } = await benchOnDawn((what, fraction) =>
      progress.show(Math.round(100 * fraction), 100, what),
    );
    const report: BenchmarkReport = {
      type: 'report',
      run: randomUUID(),
      device,
      software,
      ms: Date.now() - started,
      state: 'finished',
      at: 'all is measured',
      ...findings,
    };
    return { report, path: await new Benchmarks().keep(report) };
  } finally {
    progress.stop();
  }
}
