import { expect, test } from 'vitest';
import { ReportError } from '../device-report';
import { parseReport, resultsOf, toReported, verificationResult } from './report';
import type { CaseResult } from './run';

const right: CaseResult = {
  op: 'relu',
  shape: '2x3',
  against: 'float64',
  comparisons: [
    { result: 'output', maxAbs: 0, meanAbs: 0 },
    { result: 'input gradient', maxAbs: 2e-7, meanAbs: 1e-8 },
  ],
  ms: 3,
};
const wrong: CaseResult = {
  ...right,
  op: 'convolution',
  comparisons: [
    { result: 'output', maxAbs: 3e-5, meanAbs: 1e-6 },
    { result: 'weight gradient', maxAbs: Infinity, meanAbs: Infinity },
  ],
};
const thrown: CaseResult = { ...right, op: 'add', comparisons: [], error: 'the device refused it' };

const report = {
  type: 'report',
  device: { name: 'a phone', limits: { maxBufferSize: 2 ** 28 }, agent: 'a browser' },
  set: 'quick',
  ms: 10,
  cases: [right, wrong, thrown].map(toReported),
} as const;

test('a report comes back from JSON as it was, errors that are no numbers included', () => {
  const parsed = parseReport(JSON.parse(JSON.stringify(report)));
  expect(parsed).toEqual(report);
  expect(parsed.type === 'report' && resultsOf(parsed)).toEqual([right, wrong, thrown]);
});

test('the result counts what failed and names each operation’s worst', () => {
  expect(verificationResult('a phone', [right, wrong, thrown])).toEqual({
    device: 'a phone',
    cases: 3,
    failed: 2,
    worst: [
      { op: 'convolution', shape: '2x3', result: 'weight gradient', maxAbs: null, meanAbs: null },
      { op: 'add', shape: '2x3', result: 'the device refused it', maxAbs: null, meanAbs: null },
      { op: 'relu', shape: '2x3', result: 'input gradient', maxAbs: 2e-7, meanAbs: 1e-8 },
    ],
  });
});

test.each([
  ['no object', 7, 'the whole'],
  ['another type', { ...report, type: 'hello' }, 'type'],
  ['no cases', { ...report, cases: [] }, 'cases'],
  ['a negative error', withError(-1), 'cases.0.comparisons.0.maxAbs'],
  ['an error in words', withError('small'), 'cases.0.comparisons.0.maxAbs'],
  ['a field too many', { ...report, extra: 1 }, 'extra'],
  [
    'a long name',
    { ...report, device: { ...report.device, name: 'x'.repeat(2001) } },
    'device.name',
  ],
  ['an unknown set', { ...report, set: 'all' }, 'set'],
])('%s is refused', (_, json, place) => {
  expect(() => parseReport(json)).toThrow(ReportError);
  expect(() => parseReport(json)).toThrow(`verification report, ${place}: `);
});

function withError(maxAbs: unknown): unknown {
  const comparisons = [{ result: 'output', maxAbs, meanAbs: 0 }];
  return { ...report, cases: [{ ...right, comparisons }] };
}
