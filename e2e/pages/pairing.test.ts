import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { startServer, type HostServer } from '../../server/http/server';
import { Devices } from '../../server/pairing/devices';
import { Pairing } from '../../server/pairing/pairing';
import { launchBrowser, PhonePage } from './phone';
import { pages } from './scripted-host';

/* Each browser context is a phone of its own: it shares no keys with the others. */

let browser: Browser;
let devices: Devices;
let pairing: Pairing;
let host: HostServer;

beforeAll(async () => {
  browser = await launchBrowser('software');
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-pairing-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  devices = new Devices(folder);
  pairing = new Pairing(devices);
  host = await startServer('127.0.0.1', 0, { pages, pairing });
  onTestFinished(() => host.close());
});

async function open(url: string): Promise<PhonePage> {
  const phone = await PhonePage.open(browser, url);
  onTestFinished(() => phone.close());
  return phone;
}

test('a phone pairs by the link, and comes back without a code: reloaded, and to a new host', async () => {
  const phone = await open(`${host.url}#${pairing.codes.mint()}`);
  await phone.shows('waiting');
  expect(phone.page.url()).toBe(host.url);
  expect(await devices.list()).toHaveLength(1);
  await phone.page.reload();
  await phone.shows('waiting');

  const port = Number(new URL(host.url).port);
  await host.close();
  await phone.shows('failed host-gone');
  host = await startServer('127.0.0.1', port, { pages, pairing: new Pairing(devices) });
  await phone.shows('waiting');
  expect(host.pool.workers).toHaveLength(1);
  expect(await devices.list()).toHaveLength(1);
});

test('its key can be used, but not read', async () => {
  const phone = await open(`${host.url}#${pairing.codes.mint()}`);
  await phone.shows('waiting');
  const key = await phone.page.evaluate(async () => {
    const opened = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open('tandem-pairing', 1);
      request.onsuccess = () => resolve(request.result);
    });
    const { privateKey } = await new Promise<CryptoKeyPair>((resolve) => {
      const request = opened.transaction('keys').objectStore('keys').get('device');
      request.onsuccess = () => resolve(request.result as CryptoKeyPair);
    });
    const read = await crypto.subtle.exportKey('pkcs8', privateKey).then(
      () => 'read',
      () => 'refused',
    );
    return { usages: privateKey.usages, extractable: privateKey.extractable, read };
  });
  expect(key).toEqual({ usages: ['sign'], extractable: false, read: 'refused' });
});

test('without a code, with a used one and with a wrong one a phone stays out, and is told why', async () => {
  const code = pairing.codes.mint();
  const first = await open(`${host.url}#${code}`);
  await first.shows('waiting');
  const uninvited = await open(host.url);
  await uninvited.shows('failed not-paired');
  await uninvited.says(/Point the camera at the QR code/);
  // What the words above don't say already.
  const detail = uninvited.page.locator('#detail');
  expect(await detail.innerText()).toBe('it brought no code, and is not known here');
  const late = await open(`${host.url}#${code}`);
  await late.shows('failed code-expired');
  await late.says(/has been used.*/s);
  const wrong = await open(`${host.url}#${'A'.repeat(22)}`);
  await wrong.shows('failed not-paired');
  expect(host.pool.workers).toHaveLength(1);
  expect(await devices.list()).toHaveLength(1);
  // The next code, opened over the page that was refused.
  await uninvited.page.goto(`${host.url}#${pairing.codes.mint()}`);
  await uninvited.shows('waiting');
});

test('a page without the link, as on the home screen, takes the code or the whole link', async () => {
  const typing = await open(host.url);
  await typing.shows('failed not-paired');
  const field = typing.page.getByLabel('Code that Tandem shows on the computer');
  await field.fill('172.20.10.2');
  await field.press('Enter');
  expect(await typing.page.getByRole('alert').innerText()).toMatch(/That is no code/);
  const code = pairing.codes.mint();
  await field.fill(` ${code} `);
  await field.press('Enter');
  await typing.shows('waiting');
  expect(await typing.page.getByLabel('Code that Tandem').isVisible()).toBe(false);

  const pasting = await open(`${host.url}#${code}`);
  await pasting.shows('failed code-expired');
  await pasting.page
    .getByLabel('Code that Tandem')
    .fill(`http://172.20.10.2:7070/#${pairing.codes.mint()}.fingerprint`);
  await pasting.press('Pair');
  await pasting.shows('waiting');
  expect(await devices.list()).toHaveLength(2);
});

test('of two tabs of one phone the newer one works, and the other says so', async () => {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const first = await PhonePage.open(context, `${host.url}#${pairing.codes.mint()}`);
  await first.shows('waiting');
  const second = await PhonePage.open(context, host.url);
  await second.shows('waiting');
  await first.shows('elsewhere');
  await first.says(/works in another tab/);
  await expect.poll(() => host.pool.workers).toHaveLength(1);
  await first.press('Work here');
  await first.shows('waiting');
  await second.shows('elsewhere');
  await expect.poll(() => host.pool.workers).toHaveLength(1);
  // Who loads again has let go before, and takes nobody's place from anybody.
  await first.page.reload();
  await first.shows('waiting');
});

test('a phone that is revoked is let go, and stays out', async () => {
  const phone = await open(`${host.url}#${pairing.codes.mint()}`);
  await phone.shows('waiting');
  await devices.revoke(() => true);
  await phone.shows('failed not-paired');
  await expect.poll(() => host.pool.workers).toEqual([]);
  await phone.page.reload();
  await phone.shows('failed not-paired');
});
