import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseBenchmark, type BenchmarkReport } from '../runtime/bench/report';
import { wrongCount } from '../runtime/bench/words';
import { emptyFolder, lastJson, runTandem, startTandem, type Running } from './cli/run-tandem';
import { runningReport } from '../server/http/benchmark-fixture';
import { launchBrowser, PhonePage } from './pages/phone';

/* `tandem bench` and the page that it serves, whole: in a real browser, WebGPU in software. */

async function startBench(): Promise<{ host: Running; folder: string; url: string }> {
  const folder = await emptyFolder();
  const host = startTandem(folder, 'bench', '--wait-for', '1', '--port', '0', '--json');
  const [, url = ''] = await host.sees(/Open on the device: (\S+)/);
  return { host, folder, url };
}

test('a device opens the page, is measured, is asked about hiding, and the host keeps it all', async () => {
  const { host, folder, url } = await startBench();
  const browser = await launchBrowser('software');
  onTestFinished(() => browser.close());
  const phone = await PhonePage.open(browser, url);
  await phone.shows('running');
  await phone.says(/WebGPU runs in software here/);
  await phone.page.waitForSelector('body[data-state="asking"]', { timeout: 120_000 });
  await phone.says(/Switch to another app/);
  await setHidden(phone, true);
  await phone.page.waitForTimeout(300);
  await setHidden(phone, false);

  const ended = await host.ended;
  expect(ended.stderr).toContain('every result right');
  expect(ended.stderr).toContain(': a submit of 64 ms');
  expect(ended.code).toBe(0);
  const { devices } = lastJson(ended) as { devices: BenchmarkReport[] };
  const [report] = devices;
  if (!report) throw new Error('no device reported');
  expect(report).toMatchObject({ state: 'finished', software: true });
  expect(wrongCount(report)).toBe(0);
  expect(report.submits?.ended).toBe('bound');
  // The page was opened by its link, and so is paired.
  expect(report.link?.ways.length).toBeGreaterThanOrEqual(3);
  expect(report.link?.ways.filter(({ chosen }) => chosen)).toHaveLength(1);
  expect(ended.stderr).toMatch(/Link +.*MB\/s/);
  expect(report.hiding).toMatchObject({ worksAgain: true });
  const [, path] = /Kept as (\S+)/.exec(ended.stderr) ?? [];
  const kept = JSON.parse(await readFile(join(folder, path ?? ''), 'utf8')) as unknown;
  expect(parseBenchmark(kept)).toEqual(report);

  await phone.shows('finished');
  await phone.says(/The computer keeps this result as runs\/bench-/);
  await phone.says(/layer1: 3x3, 64 to 64/);
  await phone.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await phone.press('Copy');
  await phone.says(/Copied\./);
  const copied = await phone.page.evaluate(() => navigator.clipboard.readText());
  expect(JSON.parse(copied)).toEqual(report);
  expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  expect(phone.errors).toEqual([]);
}, 180_000);

test('a run that took the page along is told at the next load, to the person and to the host', async () => {
  const { host, url } = await startBench();
  const browser = await launchBrowser('software');
  onTestFinished(() => browser.close());
  const phone = await PhonePage.open(browser, url, async (page) => {
    // Nothing is measured: what is left of an earlier load lies in the storage.
    await page.addInitScript((report) => {
      localStorage.setItem('tandem benchmark', JSON.stringify(report));
    }, runningReport);
  });
  await phone.shows('unfinished');
  await phone.says(/the page was gone during: a submit of 512 ms/);
  const ended = await host.ended;
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain('the page was gone during: a submit of 512 ms');
  expect(lastJson(ended)).toMatchObject({ devices: [{ state: 'broken' }] });
}, 60_000);

test('two ways at once are refused', async () => {
  const folder = await emptyFolder();
  const ended = await runTandem(folder, 'bench', '--headless-worker', '--wait-for', '1');
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('--headless-worker and --wait-for exclude each other');
});

/** Headless pages are never hidden: the page's own listeners are told so. */
async function setHidden(phone: PhonePage, hidden: boolean): Promise<void> {
  await phone.page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}
