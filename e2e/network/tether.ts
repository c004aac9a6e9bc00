import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { lastJson, runTandem, trainResultOf, watch, type Running } from '../cli/run-tandem';
import type { DriverPlace } from '../webkit/web-driver';
import { TetheredPair } from './namespaces';

/*
 * Between two engines float32 rounds in two ways, and steps make more of it. At this rate a state
 * of another step shows in the end; gradients that came as zeros show in the first steps alone,
 * where they change the loss by 6e-6 and more, and the rounding by 3e-7.
 */
const tolerance = 1e-3;
const firstSteps = { count: 4, tolerance: 2e-6 };
const run = [
  ...['train', '--data', 'shapes', '--model', 'resnet20', '--seed', '7', '--json'],
  ...['--batch', '16', '--micro-batch', '4', '--lr', '0.0001', '--lr-schedule', 'constant'],
  // By default the rise to the peak depends on the run's length, and the runs here differ in that.
  ...['--warmup-steps', '0'],
];

/** Connects with `ca` as its only authority, and prints what it saw. */
const tlsVisitor = `
  const [host, port, caPath] = process.argv.slice(1);
  const ca = require('node:fs').readFileSync(caPath);
  const socket = require('node:tls').connect({ host, port: Number(port), ca }, () => {
    const { subjectaltname: subjectAltName } = socket.getPeerCertificate();
    console.log(JSON.stringify({ authorized: socket.authorized, subjectAltName }));
    socket.end();
  });
`;

/** What a TLS client saw that verifies. */
interface CertificateSeen {
  readonly authorized: boolean;
  readonly subjectAltName?: string;
}

/** A run on one end of the cable, at a cable's speed; the phone is left to the test. */
export class Tether {
  readonly pair: TetheredPair;
  /** Where the host runs; the test may put files there. */
  readonly folder: string;

  private constructor(pair: TetheredPair, folder: string) {
    this.pair = pair;
    this.folder = folder;
  }

  static async plugIn(): Promise<Tether> {
    const tether = new Tether(
      new TetheredPair(),
      await mkdtemp(join(tmpdir(), 'tandem-tethered-')),
    );
    tether.pair.limit(300);
    return tether;
  }

  async unplug(): Promise<void> {
    this.pair.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The phone's end, for a browser that is driven from here. */
  get phonePlace(): DriverPlace {
    return {
      prefix: this.pair.prefix('phone'),
      bring: async (port) => {
        const [address, socket] = [`127.0.0.1:${port}`, join(this.folder, `driver-${port}`)];
        await this.pair.relay('phone', socket, address);
        await this.pair.relay('here', address, socket);
      },
    };
  }

  startHost(...options: string[]): Running {
    const launcher = resolve('server/tandem.js');
    const command = [process.execPath, launcher, ...run, '--listen', '0.0.0.0', ...options];
    const home = { TANDEM_HOME: join(this.folder, 'home') };
    return watch(this.pair.run('host', this.folder, command, home));
  }

  /** Connects from the phone's end with the host's authority alone; throws where that fails. */
  async lookAtCertificate(port: number): Promise<CertificateSeen> {
    const ca = join(this.folder, 'home', 'certificate', 'authority.pem');
    const args = ['-e', tlsVisitor, TetheredPair.hostAddress, String(port), ca];
    const client = watch(this.pair.run('phone', this.folder, [process.execPath, ...args]));
    return lastJson(await client.ended) as CertificateSeen;
  }

  /** Holds each loss against that of the computer alone, which takes as many steps. */
  async expectLossesOfOneDevice(losses: readonly number[]): Promise<void> {
    const steps = ['--steps', String(losses.length), '--cut', 'none'];
    const alone = trainResultOf(await runTandem(this.folder, ...run, ...steps));
    alone.losses.forEach((loss, index) => {
      const got = losses[index] ?? Number.NaN;
      const limit = index < firstSteps.count ? firstSteps.tolerance : tolerance;
      expect(Math.abs(got - loss) / loss, `step ${index + 1}`).toBeLessThan(limit);
    });
  }
}
