import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { Certificates } from '../../server/certificate/certificates';
import { startServer, type HostServer } from '../../server/http/server';
import { launchBrowser } from './phone';
import { pages } from './scripted-host';

/* The first visit over plain http: `tandem.test` is this computer as another device calls it. */

const patience = { timeout: 30_000 };
let browser: Browser;
let server: HostServer;
let page: Page;
const requested = new Set<string>();

beforeAll(async () => {
  browser = await launchBrowser('none');
});

afterAll(async () => {
  await browser.close();
});

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-connect-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const names = { dns: ['localhost', 'tandem.test'], ip: ['127.0.0.1', '::1'] };
  const certificates = new Certificates(folder, () => names);
  server = await startServer('0.0.0.0', 0, { pages, secure: { port: 0, certificates } });
  onTestFinished(() => server.close());
  page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  onTestFinished(() => page.close());
  page.on('request', (request) => requested.add(new URL(request.url()).hostname));
});

const port = (url = ''): string => new URL(url).port;
const trust = (): Promise<unknown> => page.getByRole('status').textContent();

test('it waits until the certificate is trusted, then goes on with the code of the picture', async () => {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(`http://tandem.test:${port(server.url)}/#code`);
  await expect.poll(trust, patience).toMatch(/Not trusted yet/);
  const secure = `https://tandem.test:${port(server.secureUrl)}/#code`;
  expect(await page.getByText('Open the secure page').getAttribute('href')).toBe(secure);
  expect(await page.locator('#authority').textContent()).toMatch(/^Tandem on /);
  expect(await page.locator('#fingerprint').textContent()).toMatch(
    /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/,
  );

  const session = await page.context().newCDPSession(page);
  await session.send('Security.setIgnoreCertificateErrors', { ignore: true });
  await page.waitForURL(secure, patience);
  await expect.poll(() => page.title(), patience).toMatch(/Tandem$/);
  expect(await page.evaluate(() => [isSecureContext, crossOriginIsolated])).toEqual([true, true]);
  expect(errors).toEqual([]);
  expect([...requested]).toEqual(['tandem.test']);
});

test('the warning comes when the link is followed before, and the profile is a download', async () => {
  await page.goto(`http://tandem.test:${port(server.url)}/`);
  await expect.poll(trust, patience).toMatch(/Not trusted yet/);
  const coming = page.waitForEvent('download');
  await page.getByText('Download the certificate').click();
  expect((await coming).suggestedFilename()).toBe('tandem.mobileconfig');
  const warned = page.waitForEvent('requestfailed');
  await page.getByText('Open the secure page').click();
  expect((await warned).failure()?.errorText).toBe('net::ERR_CERT_AUTHORITY_INVALID');
});

test('a computer that goes is told apart from one that is not trusted', async () => {
  await page.goto(`http://tandem.test:${port(server.url)}/`);
  await expect.poll(trust, patience).toMatch(/Not trusted yet/);
  await server.close();
  await expect.poll(trust, patience).toMatch(/does not answer/);
});

test.each([
  [320, 568],
  [844, 390],
])('at %d x %d nothing is cut off at the side', async (width, height) => {
  await page.setViewportSize({ width, height });
  await page.goto(`http://tandem.test:${port(server.url)}/`);
  await expect.poll(trust, patience).toMatch(/Not trusted yet/);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
});
