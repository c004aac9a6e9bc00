import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findBrowser } from '../../server/headless/find-browser';
import { launchOptions } from '../../server/headless/launch-options';
import { runTandem, trainResultOf, watch, type Running } from '../cli/run-tandem';
import { TetheredPair, whyNoNamespaces } from './namespaces';

/*
 * Host and phone on an iPhone's own network, as over the USB cable: found, joined over HTTPS,
 * trained with, at a cable's speed and across its going. Between two engines float32 rounds in two
 * ways; at this rate that stays far below what a wrong batch or a wrong weight would do.
 */
const tolerance = 1e-3;
const run = [
  ...['train', '--data', 'shapes', '--model', 'resnet20', '--seed', '7', '--json'],
  ...['--batch', '16', '--micro-batch', '4', '--lr', '0.0001', '--lr-schedule', 'constant'],
  // By default the rise to the peak depends on the run's length, and the runs here differ in that.
  ...['--warmup-steps', '0'],
];
const why = whyNoNamespaces();

describe.skipIf(why)(why ? `over the cable (skipped: ${why})` : 'over the cable', () => {
  let pair: TetheredPair;
  let folder: string;

  beforeAll(async () => {
    pair = new TetheredPair();
    folder = await mkdtemp(join(tmpdir(), 'tandem-tethered-'));
  });

  afterAll(async () => {
    pair.close();
    await rm(folder, { recursive: true, force: true });
  });

  function startHost(...options: string[]): Running {
    const launcher = resolve('server/tandem.js');
    const command = [process.execPath, launcher, ...run, '--listen', '0.0.0.0', ...options];
    const home = { TANDEM_HOME: join(folder, 'home') };
    return watch(pair.run('host', folder, command, home));
  }

  /** A browser at the phone's end; it takes the certificate as one does who has tapped past it. */
  async function openPhone(url: string): Promise<Page> {
    const { executablePath, ...options } = launchOptions(findBrowser().path, 'software');
    const wrapper = join(folder, 'browser-at-the-phone');
    const words = [...pair.prefix('phone'), executablePath].join(' ');
    await writeFile(wrapper, `#!/bin/sh\nexec ${words} "$@"\n`);
    await chmod(wrapper, 0o755);
    const browser = await chromium.launch({ ...options, executablePath: wrapper });
    onTestFinished(() => browser.close());
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(url);
    return page;
  }

  /** Holds each loss against that of the computer alone, which takes as many steps. */
  async function expectLossesOfOneDevice(losses: readonly number[]): Promise<void> {
    const steps = ['--steps', String(losses.length), '--cut', 'none'];
    const alone = trainResultOf(await runTandem(folder, ...run, ...steps));
    alone.losses.forEach((loss, index) => {
      const got = losses[index] ?? Number.NaN;
      expect(Math.abs(got - loss) / loss, `step ${index + 1}`).toBeLessThan(tolerance);
    });
  }

  test('training at 300 Mbit/s with 10 ms of latency', async () => {
    pair.limit(300);
    const host = startHost('--steps', '12', '--cut', 'layer3.0', '--https-port', '7443');
    const [, code = ''] = await host.sees(/https?:\/\/172\.20\.10\.2:\d+\/(\S*)/);
    const late = pair.run('host', folder, [
      process.execPath,
      resolve('e2e/network/late-cable.js'),
      ...[TetheredPair.hostAddress, '7444', '7443', '10'],
    ]);
    onTestFinished(() => void late.kill());
    await openPhone(`https://${TetheredPair.hostAddress}:7444/${code}`);
    const result = trainResultOf(await host.ended);
    expect(result).toMatchObject({ steps: 12, cut: 'layer3.0', engine: ['cpu', 'webgpu'] });
    await expectLossesOfOneDevice(result.losses);
  }, 180_000);

  test('over plain http to the secure page; a cable that is out for 20 s in mid-step costs nothing but time', async () => {
    const host = startHost('--steps', '100000', '--cut', 'layer3.0', '--https-port', '7443');
    const [url] = await host.sees(/http:\/\/172\.20\.10\.2:\d+\/\S*/);
    const page = await openPhone(url);
    // It finds the certificate trusted, and moves on by itself.
    await page.waitForURL(/^https:\/\/172\.20\.10\.2:7443\//);
    expect(await page.evaluate(() => isSecureContext)).toBe(true);
    await host.sees(/stage 2:[\s\S]*step [5-9]\/100000/);
    pair.set('down');
    await sleep(20_000);
    pair.set('up');
    await host.sees(/goes on alone from its copy of step/);
    // The page comes back by itself, and takes its part again.
    await host.sees(/goes on alone[\s\S]*stage 2:[\s\S]*step \d+\/100000/);
    await expect.poll(() => page.title()).toMatch(/^Training/);
    host.process.kill('SIGINT');
    const result = trainResultOf(await host.ended);
    expect(result).toMatchObject({ rollbacks: 1, engine: ['cpu', 'webgpu'], stopped: true });
    await expectLossesOfOneDevice(result.losses);
  }, 180_000);
});
