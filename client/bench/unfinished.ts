import { parseBenchmark, type BenchmarkReport } from '../../runtime/bench/report';

/*
 * A device that hangs takes the page along, and Safari loads it again without a word. What was known
 * lies in the browser's storage until the run is over, with what it was about to do.
 */

const key = 'tandem benchmark';

export function remember(report: BenchmarkReport): void {
  try {
    if (report.state === 'running') localStorage.setItem(key, JSON.stringify(report));
    else forget();
  } catch {
    // No storage in a private window: the host still has what was sent.
  }
}

export function forget(): void {
  localStorage.removeItem(key);
}

/** A run that never came to its end in this browser. */
export function recall(): BenchmarkReport | undefined {
  try {
    const report = parseBenchmark(JSON.parse(localStorage.getItem(key) ?? 'null'));
    if (report.type !== 'report') return undefined;
    return { ...report, state: 'broken', at: `the page was gone during: ${report.at}` };
  } catch {
    return undefined;
  }
}
