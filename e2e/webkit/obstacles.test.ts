import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ScriptedHost } from '../pages/scripted-host';
import { whyNoWebKit } from './installation';
import { WebKitPhone } from './webkit-phone';

/* The first thing that Safari's engine must do: run the page, and say why it can't compute. */

const why = whyNoWebKit();

describe.skipIf(why)(why ? `WebKitGTK (skipped: ${why})` : 'WebKitGTK', () => {
  const outside = Object.values(networkInterfaces())
    .flatMap((own) => own ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
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

  test.skipIf(!outside)('an address that is not secure', async () => {
    await phone.open(host.url.replace('127.0.0.1', outside ?? ''));
    await phone.shows('failed no-secure-context');
    expect(await phone.run('return isSecureContext')).toBe(false);
    await phone.keepPicture('no-secure-context');
  });
});
