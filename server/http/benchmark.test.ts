import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Benchmarks } from './benchmark';
import { runningReport as running } from './benchmark-fixture';

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
