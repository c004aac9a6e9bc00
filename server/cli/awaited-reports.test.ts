import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Benchmarks } from '../http/benchmark';
import { runningReport as started } from '../http/benchmark-fixture';
import type { BenchmarkReport } from '../../runtime/bench/report';
import { awaitReports, DevicePageError, type KeptReport } from './awaited-reports';

const finished: BenchmarkReport = { ...started, state: 'finished', at: 'all is measured' };

async function awaited(count: number, patience: number) {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const benchmarks = new Benchmarks(folder);
  const lines: string[] = [];
  const whole: Promise<KeptReport<BenchmarkReport>[]> = awaitReports(
    benchmarks,
    count,
    ({ device, state, at }) => (state === 'running' ? `${device.name}: ${at}` : undefined),
    (line) => lines.push(line),
    patience,
  );
  return { benchmarks, lines, whole };
}

test('a device that begins and then says nothing is given up, with what it was at', async () => {
  const { benchmarks, whole } = await awaited(1, 20);
  const path = await benchmarks.keep(started);
  await expect(whole).rejects.toThrow(DevicePageError);
  await expect(whole).rejects.toThrow(
    `nothing was heard for 0.02 s since a phone: a submit of 512 ms; that page hangs or is closed: open it again, and run the command again (what it found is kept as ${path})`,
  );
});

test('what it is at is said once, and its whole report counts', async () => {
  const { benchmarks, lines, whole } = await awaited(2, 60_000);
  await benchmarks.keep(started);
  await benchmarks.keep({ ...started, ms: 20 });
  await benchmarks.keep(finished);
  const other = { ...finished, run: '5b2f9c1e-0d5a-4f6b-8c3d-2e1f0a9b8c7d' };
  await benchmarks.keep(other);
  expect((await whole).map(({ report }) => report)).toEqual([finished, other]);
  expect(lines).toEqual(['a phone: a submit of 512 ms']);
});
