import { expect, test } from 'vitest';
import { ReportError } from '../device-report';
import { parseBenchmark, type BenchmarkReport } from './report';

const bare: BenchmarkReport = {
  type: 'report',
  run: '4b2f9c1e-0d5a-4f6b-8c3d-2e1f0a9b8c7d',
  device: { name: 'a phone', limits: { maxBufferSize: 2 ** 28 }, agent: 'a browser' },
  software: false,
  ms: 1000,
  state: 'running',
  at: 'a submit of 512 ms',
};
const report: BenchmarkReport = {
  ...bare,
  peak: { gigaflops: 1500, how: 'fma', gigabytesPerSecond: 50 },
  submits: { steps: [{ aimMs: 1, ms: 1.2 }], ended: 'lost', atMs: 512, detail: 'unknown: hang' },
};

test('what a run has found so far is a report, and so is nothing yet', () => {
  expect(parseBenchmark(JSON.parse(JSON.stringify(report)))).toEqual(report);
  expect(parseBenchmark(bare)).toEqual(bare);
  const failure = { type: 'failure', reason: 'no-webgpu', detail: '', agent: 'old' };
  expect(parseBenchmark(failure)).toEqual(failure);
});

test.each([
  ['nothing', null, 'the whole'],
  ['no run', { ...report, run: '../../x' }, 'run: expected a UUID'],
  [
    'a rate that is no number',
    { ...report, peak: { ...report.peak, gigaflops: -1 } },
    'peak.gigaf',
  ],
  ['another field', { ...report, more: 1 }, 'more'],
  ['another end', { ...report, submits: { ...report.submits, ended: 'well' } }, 'submits.ended'],
  ['text without end', { ...report, at: 'x'.repeat(2001) }, 'at'],
])('%s is refused', (_what, json, words) => {
  expect(() => parseBenchmark(json)).toThrow(ReportError);
  expect(() => parseBenchmark(json)).toThrow(words);
});
