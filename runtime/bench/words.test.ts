import { expect, test } from 'vitest';
import { figure, findingRows, percent, wrongCount } from './words';

test('figures have three digits, or two behind the point', () => {
  expect([0.0123, 0.5, 1.234, 45.67, 987.6, 1234.5].map(figure)).toEqual([
    '0.01',
    '0.50',
    '1.23',
    '45.7',
    '988',
    '1235',
  ]);
  expect([0.012, 0.25, 1].map(percent)).toEqual(['1.2%', '25%', '100%']);
});

test('the link: what a run would take comes first', () => {
  const way = { downBytesPerSecond: 41e6, upBytesPerSecond: 8e6, chosen: false };
  const ways = [
    { ...way, down: 'websocket' as const, up: 'websocket' as const },
    { ...way, down: 'https' as const, up: 'websocket' as const, chosen: true },
  ];
  expect(findingRows({ link: { ways } })).toEqual([
    ['Link', 'HTTPS requests down at 41 MB/s, a WebSocket up at 8.0 MB/s'],
    ['Link otherwise', 'a WebSocket: down at 41 MB/s, up at 8.0 MB/s'],
  ]);
  expect(findingRows({ link: { ways: [], why: 'it is not paired' } })).toEqual([
    ['Link', 'not measured: it is not paired'],
  ]);
});

test('what was found, in words', () => {
  const rows = findingRows({
    peak: { gigaflops: 1500, how: 'fma', gigabytesPerSecond: 50 },
    loops: [
      { form: 'guarded', gigaflops: 100, right: true },
      { form: 'unrolled', gigaflops: 350, right: true },
    ],
    products: [
      { form: 'registers', gigaflops: 300, right: true },
      { form: 'workgroup', gigaflops: 150, right: false },
    ],
    submits: { steps: [{ aimMs: 256, ms: 260.4 }], ended: 'hung', atMs: 512 },
    hiding: { hiddenMs: 9800, submits: 3, lost: 'unknown: hidden', worksAgain: true },
  });
  expect(rows).toEqual([
    ['Multiply-adds', '1500 GFLOP/s'],
    ['Copying', '50.0 GB/s'],
    ['Loop of single steps', '100 GFLOP/s'],
    ['Loop of 16 steps', '350 GFLOP/s, 3.50x'],
    ['Product from registers', '300 GFLOP/s'],
    ['Product by workgroups', 'wrong numbers'],
    ['Longest submit', '260 ms went well; at 512 ms it never came back'],
    ['Page hidden', '10 s: device lost (unknown: hidden), a new one computes right after'],
  ]);
});

test('every wrong result counts', () => {
  const wrong = { name: 'a', direction: 'forward' as const, count: 1, right: false };
  expect(wrongCount({})).toBe(0);
  expect(
    wrongCount({
      convolutions: { size: 8, batch: 1, measured: [wrong, { ...wrong, right: true }], leftOut: 0 },
      loops: [{ form: 'guarded', gigaflops: 1, right: false }],
      submits: { steps: [], ended: 'wrong', atMs: 1 },
    }),
  ).toBe(3);
});
