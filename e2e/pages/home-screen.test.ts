import sharp from 'sharp';
import { expect, test } from 'vitest';
import { startServer } from '../../server/http/server';
import { launchBrowser } from './phone';
import { pages } from './scripted-host';

interface Manifest {
  readonly display: string;
  readonly icons: readonly { readonly src: string; readonly sizes: string }[];
}

test('the manifest and every icon that it names, in the size that it says', async () => {
  const host = await startServer('127.0.0.1', 0, { pages });
  const get = async (path: string): Promise<Response> => {
    const response = await fetch(new URL(path, host.url));
    expect(response.status, path).toBe(200);
    return response;
  };
  const page = await (await get('/')).text();
  expect(page).toContain('<link rel="manifest" href="/manifest.webmanifest"');
  expect(page).toContain('<link rel="apple-touch-icon" href="/apple-touch-icon.png"');
  const manifest = (await (await get('/manifest.webmanifest')).json()) as Manifest;
  expect(manifest.display).toBe('standalone');
  const icons = [...manifest.icons, { src: '/apple-touch-icon.png', sizes: '180x180' }];
  for (const { src, sizes } of icons) {
    const icon = sharp(Buffer.from(await (await get(src)).arrayBuffer()));
    const { width, height, format, hasAlpha } = await icon.metadata();
    expect({ format, size: `${width}x${height}`, hasAlpha }, src).toEqual({
      format: 'png',
      size: sizes,
      hasAlpha: false,
    });
  }
  await host.close();
});

test('a phone that grants the screen only to a tap waits for one, once', async () => {
  const host = await startServer('127.0.0.1', 0, { pages });
  const browser = await launchBrowser('software');
  const context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  });
  const page = await context.newPage();
  // Safari's rule, which no flag gives Chromium: the lock is refused until there was a tap.
  await page.addInitScript(() => {
    const { wakeLock, userActivation } = navigator;
    const request = wakeLock.request.bind(wakeLock);
    wakeLock.request = (type) =>
      userActivation.hasBeenActive
        ? request(type)
        : Promise.reject(new DOMException('no tap', 'NotAllowedError'));
  });
  const state = (): Promise<string | null> => page.locator('body').getAttribute('data-state');
  const patience = { timeout: 30_000 };
  await page.goto(host.url);
  await expect.poll(state, patience).toBe('ready');
  expect(host.pool.workers).toEqual([]);
  await page.screenshot({ path: 'test-results/pages/chromium-ready.png' });
  await page.getByRole('button', { name: 'Start' }).tap();
  await expect.poll(state, patience).toBe('waiting');
  const text = (): Promise<string> => page.locator('body').innerText();
  await expect.poll(text, patience).toContain('The screen stays on');
  // As iOS does when memory runs low: it goes on without a tap, and asks for one.
  await page.reload();
  await expect.poll(state, patience).toBe('waiting');
  await expect.poll(text, patience).toContain('Tap here once to keep the screen on');
  await browser.close();
  await host.close();
});
