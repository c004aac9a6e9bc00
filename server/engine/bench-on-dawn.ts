import type { BenchmarkReport, Findings } from '../../runtime/bench/report';
import { runBenchmark } from '../../runtime/bench/run';
import { requestDevice } from '../../runtime/webgpu/device';
import { createDawnGpu, describeDawnDevice } from './dawn';

/** What a benchmark on this computer gave. */
export interface DawnBenchmark extends Pick<BenchmarkReport, 'device' | 'software'> {
  readonly findings: Findings;
}

/** Measures this computer's graphics processor, or the software that plays one, through Dawn. */
export async function benchOnDawn(
  begin: (what: string, fraction: number) => void,
): Promise<DawnBenchmark> {
  const { gpu, implementation } = await createDawnGpu();
  const target = await requestDevice(gpu);
  const device = describeDawnDevice(target, implementation);
  const findings = await runBenchmark(target, { begin, found: () => undefined });
  target.device.destroy();
  return { device, software: target.software ?? false, findings };
}
