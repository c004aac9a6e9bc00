import { requestDevice } from '../../runtime/webgpu/device';
import { runBenchmark, type BenchmarkOptions } from './benchmark';
import { jaxJs } from './jax';
import { onnxRuntime } from './onnxruntime';
import type { Report } from './report';
import { tfjs } from './tfjs';

declare global {
  /** Called from `bench-kernels.ts`; lines for people go to the console. */
  var benchmarkKernels: (options: BenchmarkOptions) => Promise<Report>;
}

globalThis.benchmarkKernels = async (options) => {
  const peers = { tfjs, ort: onnxRuntime, jaxjs: jaxJs };
  return runBenchmark(await requestDevice(navigator.gpu), peers, options, (line) => {
    console.info(line);
  });
};
