import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { BenchmarkReport } from '../../runtime/bench/report';
import { Benchmarks } from './benchmark';

const running: BenchmarkReport = {
  type: 'report',
  run: '4b2f9c1e-0d5a-4f6b-8c3d-2e1f0a9b8c7d',
  device: { name: 'a phone', limits: {}, agent: 'a browser' },
  software: false,
  ms: 10,
  state: 'running',
  at: 'a submit of 512 ms',
};

test('a run’s reports share a file: the last one is what a device left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-bench-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const benchmarks = new Benchmarks(folder);
  const seen: string[] = [];
  benchmarks.onReport = ({ at }) => seen.push(at);
  const first = await benchmarks.keep(running);
  const last = await benchmarks.keep({ ...running, at: 'a submit of 1024 ms' });
  const other = await benchmarks.keep({ ...running, run: running.run.replace('4b', '5c') });
  expect(last).toBe(first);
  expect(other).not.toBe(first);
  expect(await readdir(folder)).toHaveLength(2);
  expect(JSON.parse(await readFile(first, 'utf8'))).toMatchObject({ at: 'a submit of 1024 ms' });
  expect(seen).toEqual(['a submit of 512 ms', 'a submit of 1024 ms', 'a submit of 512 ms']);
});
