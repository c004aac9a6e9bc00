import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findBrowser } from '../../server/headless/find-browser';
import { launchOptions } from '../../server/headless/launch-options';
import { trainResultOf } from '../cli/run-tandem';
import { TetheredPair, whyNoNamespaces } from './namespaces';
import { Tether } from './tether';

/*
 * Host and phone on an iPhone's own network, as over the USB cable: found, joined over HTTPS,
 * trained with, at a cable's speed and across its going.
 */

const why = whyNoNamespaces();

describe.skipIf(why)(why ? `over the cable (skipped: ${why})` : 'over the cable', () => {
  let tether: Tether;

  beforeAll(async () => {
    tether = await Tether.plugIn();
  });

  afterAll(() => tether.unplug());

  /** A browser at the phone's end; it takes the certificate as one does who has tapped past it. */
  async function openPhone(url: string): Promise<Page> {
    const { executablePath, ...options } = launchOptions(findBrowser().path, 'software');
    const wrapper = join(tether.folder, 'browser-at-the-phone');
    const words = [...tether.pair.prefix('phone'), executablePath].join(' ');
    await writeFile(wrapper, `#!/bin/sh\nexec ${words} "$@"\n`);
    await chmod(wrapper, 0o755);
    const browser = await chromium.launch({ ...options, executablePath: wrapper });
    onTestFinished(() => browser.close());
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(url);
    return page;
  }

  test('training at 300 Mbit/s with 10 ms of latency', async () => {
    const host = tether.startHost('--steps', '12', '--cut', 'layer3.0', '--https-port', '7443');
    const [, code = ''] = await host.sees(/https?:\/\/172\.20\.10\.2:\d+\/(\S*)/);
    const { hostAddress } = TetheredPair;
    const seen = await tether.lookAtCertificate(7443);
    expect(seen).toMatchObject({ authorized: true });
    expect(seen.subjectAltName?.split(', ')).toContain(`IP Address:${hostAddress}`);
    await tether.pair.relay('host', `${hostAddress}:7444`, `${hostAddress}:7443`, 10);
    await openPhone(`https://${hostAddress}:7444/${code}`);
    const result = trainResultOf(await host.ended);
    expect(result).toMatchObject({ steps: 12, cut: 'layer3.0', engine: ['cpu', 'webgpu'] });
    await tether.expectLossesOfOneDevice(result.losses);
  }, 180_000);

  test('over plain http to the secure page; a cable that is out for 20 s in mid-step costs nothing but time', async () => {
    const host = tether.startHost('--steps', '100000', '--cut', 'layer3.0', '--https-port', '7443');
    const [url] = await host.sees(/http:\/\/172\.20\.10\.2:\d+\/\S*/);
    const page = await openPhone(url);
    // It finds the certificate trusted, and moves on by itself.
    await page.waitForURL(/^https:\/\/172\.20\.10\.2:7443\//);
    expect(await page.evaluate(() => isSecureContext)).toBe(true);
    await host.sees(/stage 2:[\s\S]*step [5-9]\/100000/);
    tether.pair.set('down');
    await sleep(20_000);
    tether.pair.set('up');
    await host.sees(/goes on alone from its copy of step/);
    // The page comes back by itself, and takes its part again.
    await host.sees(/goes on alone[\s\S]*stage 2:[\s\S]*step \d+\/100000/);
    await expect.poll(() => page.title()).toMatch(/^Training/);
    host.process.kill('SIGINT');
    const result = trainResultOf(await host.ended);
    expect(result).toMatchObject({ rollbacks: 1, engine: ['cpu', 'webgpu'], stopped: true });
    await tether.expectLossesOfOneDevice(result.losses);
  }, 180_000);
});
