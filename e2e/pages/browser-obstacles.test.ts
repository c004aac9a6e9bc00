import type { Browser } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, PhonePage } from './phone';
import { ScriptedHost } from './scripted-host';

/* What keeps a browser from being a worker, met in a browser that really has the obstacle. */

let host: ScriptedHost;
let browser: Browser;

beforeAll(async () => {
  host = await ScriptedHost.start();
  browser = await launchBrowser('none');
});

afterAll(async () => {
  await browser.close();
  await host.close();
});

test('an address that is not secure', async () => {
  const phone = await PhonePage.open(browser, host.url.replace('127.0.0.1', 'tandem.test'));
  await phone.shows('failed no-secure-context');
  await phone.says(/https:\/\/ address.*localhost/s);
  await phone.says(/http:\/\/tandem\.test:\d+/);
  await phone.titled(/^This address is not secure – Tandem$/);
  const spokenAtOnce = await phone.page.getByRole('status').innerText();
  expect(spokenAtOnce).toContain('Open this page by an https:// address');
  expect(phone.errors).toEqual([]);
  await phone.close();
});

test.each([
  [320, 568],
  [844, 390],
])('at %d x %d nothing is cut off at the side, in large text neither', async (width, height) => {
  const phone = await PhonePage.open(browser, host.url.replace('127.0.0.1', 'tandem.test'));
  await phone.page.setViewportSize({ width, height });
  await phone.shows('failed no-secure-context');
  const scrollWidth = (): Promise<number> =>
    phone.page.evaluate(() => document.documentElement.scrollWidth);
  expect(await scrollWidth()).toBe(width);
  // The largest of iOS' text sizes that are not for accessibility alone, and then some.
  await phone.page.addStyleTag({ content: ':root { font-size: 32px !important }' });
  expect(await scrollWidth()).toBe(width);
  await phone.close();
});

test('a browser without WebGPU', async () => {
  const phone = await PhonePage.open(browser, host.url, (page) =>
    // No flag of Chromium takes the attribute away; Safari before 26 lacks it.
    page.addInitScript(() => delete (Navigator.prototype as { gpu?: unknown }).gpu),
  );
  await phone.shows('failed no-webgpu');
  await phone.says(/iOS 26 or newer/);
  expect(phone.errors).toEqual([]);
  await phone.close();
});

test('WebGPU without a graphics processor', async () => {
  const phone = await PhonePage.open(browser, host.url);
  await phone.shows('failed no-adapter');
  await phone.says(/offers this page no graphics processor/);
  expect(phone.errors).toEqual([]);
  await phone.close();
});
