import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ScriptedHost } from '../pages/scripted-host';
import { whyNoWebKit } from './installation';
import { outsideAddress } from './secure-host';
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

  // What else a computer or a worker finds, in the words of the page.
  test.each([
    ['version-mismatch', /out of date/],
    ['limits-too-small', /too small/],
    ['out-of-memory', /Out of memory/],
    ['no-adapter', /No graphics processor/],
    ['device-lost', /took it away from this page/],
    ['internal', /Something broke/],
  ] as const)('%s', async (reason, words) => {
    const refusing = await ScriptedHost.start(({ connection }) => {
      connection.send({ type: 'refuse', reason, message: 'the details' });
    });
    onTestFinished(() => refusing.close());
    await phone.open(`${refusing.url}?engine=reference`);
    await phone.shows(`failed ${reason}`);
    await phone.says(words);
    await phone.says(/the details/);
    await phone.keepPicture(reason);
  });

  test.skipIf(!outsideAddress)('an address that is not secure', async () => {
    await phone.open(host.url.replace('127.0.0.1', outsideAddress ?? ''));
    await phone.shows('failed no-secure-context');
    expect(await phone.run('return isSecureContext')).toBe(false);
    await phone.keepPicture('no-secure-context');
  });
});
