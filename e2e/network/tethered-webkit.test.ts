import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { trainResultOf } from '../cli/run-tandem';
import { whyNoWebKit } from '../webkit/installation';
import { WebKitPhone } from '../webkit/webkit-phone';
import { whyNoNamespaces } from './namespaces';
import { Tether } from './tether';

/*
 * Safari's engine at the phone's end of the cable. WebKitGTK has no WebGPU: its page says so, and
 * takes its part with the reference engine, of the network's last and smallest unit.
 */

const why = whyNoNamespaces() ?? whyNoWebKit();

describe.skipIf(why)(why ? `over the cable (skipped: ${why})` : 'over the cable', () => {
  let tether: Tether;

  beforeAll(async () => {
    tether = await Tether.plugIn();
  });

  afterAll(() => tether.unplug());

  async function startPhone(trustsAll: boolean): Promise<WebKitPhone> {
    const phone = await WebKitPhone.start(trustsAll, tether.phonePlace);
    onTestFinished(() => phone.close());
    return phone;
  }

  test('WebKitGTK: found, led to https, paired, measured, and trained with', async () => {
    const host = tether.startHost('--steps', '100000', '--cut', 'head', '--wait-for', '1');
    const [, door = '', code = ''] = await host.sees(
      /Join from a phone \(USB cable to iPhone\)[^]*?(http:\/\/172\.20\.10\.2:\d+\/)(\S*)/,
    );
    const wary = await startPhone(false);
    await wary.open(door + code);
    await wary.says(/Not trusted yet/);
    await wary.keepPicture('cable-connect');

    const phone = await startPhone(true);
    await phone.open(door + code);
    await phone.shows('failed no-webgpu');
    expect(await phone.run('return [location.protocol, isSecureContext]')).toEqual([
      'https:',
      true,
    ]);

    await phone.open(`${door}?engine=reference${code}`);
    await phone.shows('training');
    // The link was measured, as what carries it now.
    await phone.says(/at \d+(\.\d)? MB\/s/);
    await phone.keepPicture('cable-training');
    await host.sees(/stage 2:[^]*step \d+\/100000/);
    host.process.kill('SIGINT');
    const result = trainResultOf(await host.ended);
    expect(result).toMatchObject({ cut: 'head', engine: ['cpu', 'cpu'], stopped: true });
    await tether.expectLossesOfOneDevice(result.losses);
  }, 120_000);
});
