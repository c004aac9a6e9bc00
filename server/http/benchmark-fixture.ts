import type { BenchmarkReport } from '../../runtime/bench/report';

/** What a device said last before it was heard of no more. */
export const runningReport: BenchmarkReport = {
  type: 'report',
  run: '4b2f9c1e-0d5a-4f6b-8c3d-2e1f0a9b8c7d',
  device: { name: 'a phone', limits: {}, agent: 'a browser' },
  software: false,
  ms: 10,
  state: 'running',
  at: 'a submit of 512 ms',
};
