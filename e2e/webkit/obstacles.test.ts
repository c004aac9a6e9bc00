import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ScriptedHost } from '../pages/scripted-host';
import { whyNoWebKit } from './installation';
import { outsideAddress, SecureHost } from './secure-host';
import { WebKitPhone } from './webkit-phone';

/* The first thing that Safari's engine must do: run the page, and say why it can't compute. */

const why = whyNoWebKit();

describe.skipIf(why)(why ? `WebKitGTK (skipped: ${why})` : 'WebKitGTK', () => {
  let host: ScriptedHost;
  let phone: WebKitPhone;

  beforeAll(async () => {
    host = await ScriptedHost.start(undefined, '0.0.0.0');
    phone = await WebKitPhone.start();
  });

  afterAll(async () => {
    await phone.close();
    await host.close();
  });

  test('a browser without WebGPU', async () => {
    await phone.open(host.url);
    await phone.shows('failed no-webgpu');
    await phone.says(/iOS 26 or newer/);
    expect(await phone.run('return isSecureContext')).toBe(true);
    await phone.keepPicture('no-webgpu');
  });

  test.skipIf(!outsideAddress)('an address that is not secure', async () => {
    await phone.open(host.url.replace('127.0.0.1', outsideAddress ?? ''));
    await phone.shows('failed no-secure-context');
    expect(await phone.run('return isSecureContext')).toBe(false);
    await phone.keepPicture('no-secure-context');
  });

  test.skipIf(!outsideAddress)(
    'the first visit: over plain http to the secure page, once it is trusted',
    async () => {
      const secureHost = await SecureHost.start();
      onTestFinished(() => secureHost.close());
      const door = `http://${outsideAddress ?? ''}:${secureHost.port}/`;
      await phone.open(door);
      await phone.says(/Not trusted yet/);
      await phone.keepPicture('connect');

      const trusting = await WebKitPhone.start(true);
      onTestFinished(() => trusting.close());
      await trusting.open(door);
      await expect
        .poll(() => trusting.run('return location.href'), { timeout: 30_000 })
        .toContain(`https://${outsideAddress ?? ''}:${secureHost.securePort}/`);
      await trusting.shows('failed no-webgpu');
      expect(await trusting.run('return [isSecureContext, crossOriginIsolated]')).toEqual([
        true,
        true,
      ]);
      await trusting.keepPicture('secure');
    },
  );
});
