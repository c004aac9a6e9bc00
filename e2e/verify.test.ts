import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, expect, test } from 'vitest';
import { errorBound } from '../runtime/verify/comparison';
import { parseReport, type VerificationResult } from '../runtime/verify/report';
import { emptyFolder, lastJson, runTandem, startTandem } from './cli/run-tandem';
import { launchBrowser, PhonePage } from './pages/phone';

/* `tandem verify` and the page that it serves, whole: in a real browser, WebGPU in software. */

const operations = [
  'convolution',
  'batch norm',
  'relu',
  'add',
  'max pool',
  'pad shortcut',
  'global average pool',
  'linear',
  'softmax cross-entropy',
  'SGD',
  'AdamW',
  'boundary layout',
];

test('a device opens the page: every kernel is right, and the host keeps and prints it', async () => {
  const folder = await emptyFolder();
  const host = startTandem(
    folder,
    ...['verify', '--wait-for', '1', '--cases', 'quick', '--port', '0', '--json'],
  );
  const [, url] = await host.sees(/Open on the device: (\S+)/);
  const browser = await launchBrowser('software');
  onTestFinished(() => browser.close());
  const phone = await PhonePage.open(browser, url ?? '');
  await phone.shows('running');
  await phone.says(/\d+ of \d+: /);
  await phone.says(/Max buffer size/);
  const ended = await host.ended;
  expect(ended.stderr).toContain('0 failed');
  expect(ended.code).toBe(0);
  const result = lastJson(ended) as VerificationResult;
  expect(result.failed).toBe(0);
  expect(result.cases).toBeGreaterThan(200);
  expect(result.worst.map(({ op }) => op)).toEqual(expect.arrayContaining(operations));
  for (const { op, maxAbs } of result.worst)
    expect(maxAbs ?? Infinity, op).toBeLessThan(errorBound);

  const [, path] = /Kept as (\S+)/.exec(ended.stderr) ?? [];
  const report = parseReport(JSON.parse(await readFile(join(folder, path ?? ''), 'utf8')));
  expect(report.type === 'report' && report.cases).toHaveLength(result.cases);

  await phone.shows('finished');
  await phone.says(/Every kernel is right/);
  await phone.says(/The computer keeps this result as runs\/verify-/);
  await phone.titled(/^Every kernel is right – Tandem$/);
  expect(await phone.page.locator('.case').count()).toBe(result.cases);
  expect(await phone.page.locator('[data-passed="false"]').count()).toBe(0);
  expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  expect(phone.errors).toEqual([]);
}, 180_000);

test('a browser without a graphics processor says so, and the command waits for the next', async () => {
  const folder = await emptyFolder();
  const host = startTandem(folder, 'verify', '--wait-for', '1', '--port', '0');
  const [, url] = await host.sees(/Open on the device: (\S+)/);
  const browser = await launchBrowser('none');
  onTestFinished(() => browser.close());
  const phone = await PhonePage.open(browser, url ?? '');
  await phone.shows('failed no-adapter');
  await host.sees(/could not verify \(no-adapter\)/);
  expect(host.process.exitCode).toBe(null);
}, 60_000);

test('a case that fails is printed, counted, and makes the exit code 1', async () => {
  const folder = await emptyFolder();
  const host = startTandem(folder, 'verify', '--wait-for', '1', '--port', '0', '--json');
  const [, url] = await host.sees(/Open on the device: (\S+)/);
  const comparisons = [
    { result: 'output', maxAbs: 1e-6, meanAbs: 1e-7 },
    { result: 'weight gradient', maxAbs: 2e-5, meanAbs: 1e-6 },
  ];
  const report = {
    type: 'report',
    device: { name: 'a broken phone', limits: {}, agent: 'test' },
    set: 'quick',
    ms: 1,
    cases: [{ op: 'convolution', shape: '1x3x8x8', against: 'float64', comparisons, ms: 1 }],
  };
  const answer = await fetch(new URL('/api/verify', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(report),
  });
  expect(answer.status).toBe(200);
  const ended = await host.ended;
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain('FAIL convolution, 1x3x8x8, against float64');
  expect(lastJson(ended)).toEqual({
    device: 'a broken phone',
    cases: 1,
    failed: 1,
    worst: [{ op: 'convolution', shape: '1x3x8x8', ...comparisons[1] }],
  });
});

test('two ways at once are refused', async () => {
  const folder = await emptyFolder();
  const ended = await runTandem(folder, 'verify', '--headless-worker', '--wait-for', '1');
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('--headless-worker and --wait-for exclude each other');
});
