import { DeviceLostError } from '../webgpu/command-queue';
import type { RequestedDevice } from '../webgpu/device';
import { measureConvolutions } from './convolutions';
import { compareLoops } from './loops';
import { measureBandwidth, measurePeak } from './peak';
import { compareProducts } from './products';
import type { Findings } from './report';
import { benchSettings, type BenchSettings } from './settings';
import { growSubmits } from './submits';
import { chooseTiles } from './tiles';

export interface BenchmarkEvents {
  /**
   * What comes next, and how much of all is done, 0 to 1. What may hang the device waits for the
   * promise.
   */
  begin(what: string, fraction: number): Promise<void> | void;
  /** All that is known so far. */
  found(findings: Findings): void;
}

/**
 * Measures a device, the harmless parts first: what follows one that hangs never comes.
 *
 * @throws DeviceLostError when the device goes, but for the submits: there it is the answer
 */
export async function runBenchmark(
  { device, software = false }: RequestedDevice,
  events: BenchmarkEvents,
  settings = benchSettings(software),
): Promise<Findings> {
  let findings: Findings = {};
  const found = (more: Findings): void => {
    findings = { ...findings, ...more };
    events.found(findings);
  };
  const lost = device.lost.then(({ reason, message }): never => {
    throw new DeviceLostError(`the GPU device was lost (${reason}): ${message || 'no words'}`);
  });
  await Promise.race([lost, measureHarmless(device, settings, events, found)]);
  // Nobody waits for it any more.
  lost.catch(() => undefined);
  found({
    submits: await growSubmits(device, settings, (what) => events.begin(what, 0.9)),
  });
  return findings;
}

async function measureHarmless(
  device: GPUDevice,
  settings: BenchSettings,
  events: BenchmarkEvents,
  found: (more: Findings) => void,
): Promise<void> {
  // Each part's share of the whole time, roughly.
  const within =
    (from: number, to: number) =>
    (what: string, part: number): void => {
      void events.begin(what, from + part * (to - from));
    };
  await events.begin('the peak of multiply-adds', 0);
  const peak = await measurePeak(device, settings);
  const { gigaflops, how } = peak;
  await events.begin('the bandwidth', 0.1);
  const gigabytesPerSecond = await measureBandwidth(device, settings);
  found({ peak: { gigaflops, how, gigabytesPerSecond } });
  await measureConvolutions(device, peak, settings, within(0.15, 0.6), (convolutions) =>
    found({ convolutions }),
  );
  peak.dispose();
  await chooseTiles(device, settings, within(0.6, 0.8), (tiles) => found({ tiles }));
  await events.begin('loops, guarded and unrolled', 0.8);
  found({ loops: await compareLoops(device, settings) });
  await events.begin('products, from registers and through workgroup memory', 0.85);
  found({ products: await compareProducts(device, settings) });
}
