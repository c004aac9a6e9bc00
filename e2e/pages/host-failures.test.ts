import type { Browser } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startServer } from '../../server/http/server';
import { launchBrowser, PhonePage } from './phone';
import { pages, ScriptedHost } from './scripted-host';

/* What the computer does to a worker page that could compute. */

let browser: Browser;
let phone: PhonePage | undefined;

beforeAll(async () => {
  browser = await launchBrowser('software');
});

afterEach(async () => {
  await phone?.close();
  phone = undefined;
});

afterAll(async () => {
  await browser.close();
});

test('a computer that takes no worker: the page says so and goes on trying', async () => {
  const host = await ScriptedHost.start();
  phone = await PhonePage.open(browser, host.url);
  await phone.shows('failed host-unreachable');
  await phone.says(/tries again every few seconds/);
  await host.close();

  const back = await startServer('127.0.0.1', Number(new URL(host.url).port), { pages });
  await phone.shows('waiting');
  await back.close();
});

test('a computer that goes: host gone, then joined again when it is back', async () => {
  const host = await startServer('127.0.0.1', 0, { pages });
  const port = Number(new URL(host.url).port);
  phone = await PhonePage.open(browser, host.url);
  await phone.shows('waiting');
  await phone.says(/no work for this device yet/);
  await host.close();
  await phone.shows('failed host-gone');
  await phone.says(/the cable was pulled.*tries again/s);

  const back = await startServer('127.0.0.1', port, { pages });
  await phone.shows('waiting');
  expect(back.pool.workers).toHaveLength(1);
  await back.close();
});

test('another version of the protocol', async () => {
  const host = await ScriptedHost.start(({ hello, connection }) => {
    connection.send({
      type: 'refuse',
      reason: 'version-mismatch',
      message: `this host speaks protocol ${hello.protocol + 1}, the worker ${hello.protocol}`,
    });
  });
  phone = await PhonePage.open(browser, host.url);
  await phone.shows('failed version-mismatch');
  await phone.says(/out of date.*Reload the page/s);
  await phone.says(/this host speaks protocol \d+, the worker \d+/);
  await phone.press('Reload');
  await phone.shows('failed version-mismatch');
  await host.close();
});

test.each([
  ['limits-too-small', /too small.*--cut/s],
  ['out-of-memory', /Out of memory.*--micro-batch/s],
] as const)('refused: %s', async (reason, words) => {
  const host = await ScriptedHost.start(({ connection }) => {
    connection.send({ type: 'refuse', reason, message: 'needs 205520896 bytes' });
  });
  phone = await PhonePage.open(browser, host.url);
  await phone.shows(`failed ${reason}`);
  await phone.says(words);
  await phone.says(/needs 205520896 bytes/);
  await host.close();
});

test('a graphics processor that is lost is asked for again, until that is of no use', async () => {
  const host = await startServer('127.0.0.1', 0, { pages });
  phone = await PhonePage.open(browser, host.url);
  await phone.shows('waiting');
  const session = await browser.newBrowserCDPSession();
  for (let lost = 1; lost <= 3; lost++) {
    const [worker] = host.pool.workers;
    await session.send('Browser.crashGpuProcess');
    await worker?.gone;
    await phone.shows('waiting');
  }
  await session.send('Browser.crashGpuProcess');
  await phone.shows('failed device-lost');
  await phone.says(/again and again.*close other apps/is);
  await expect.poll(() => host.pool.workers).toEqual([]);
  await host.close();
});

test('a worker script that can’t be loaded', async () => {
  const host = await ScriptedHost.start();
  phone = await PhonePage.open(browser, host.url, (page) =>
    page.route(/\/assets\/worker-[^/]*\.js$/, (route) =>
      route.request().resourceType() === 'script' && /worker-page/.test(route.request().url())
        ? route.continue()
        : route.abort(),
    ),
  );
  await phone.shows('failed internal');
  await phone.says(/worker script could not be loaded/);
  await host.close();
});
