import type { StageEngine, StageSpec } from '../../runtime/engine';
import { initialize } from '../../runtime/model/initialize';
import { zeros } from '../../runtime/tensor';
import { DeviceError } from '../../runtime/webgpu/device';
import { GpuEngine } from './gpu-engine';
import { ThreadedEngine } from './threaded-engine';

export const engineChoices = ['cpu', 'webgpu', 'auto'] as const;
export type EngineChoice = (typeof engineChoices)[number];

export interface EngineOptions {
  readonly engine: EngineChoice;
  /** Of the CPU engine; default: all, but one where there are more than two. */
  readonly threads?: number;
}

/** It runs twice; slower than this many times the CPU, it is not waited for. */
const patience = 4;
/** What is granted for compiling the kernels. */
const compileMs = 2000;

/**
 * The engine that was asked for; with `auto`, the one that trains the stage faster.
 *
 * @param spec the stage to measure on
 * @param say is told what was measured, and which engine it is
 * @throws DeviceError for `webgpu` where there is no such device
 */
export async function chooseEngine(
  { engine, threads }: EngineOptions,
  spec: StageSpec,
  say: (text: string) => void,
): Promise<StageEngine> {
  if (engine === 'webgpu') return GpuEngine.create();
  const cpu = new ThreadedEngine(threads === undefined ? {} : { numThreads: threads });
  if (engine === 'cpu') return cpu;
  const [gpu, whyNot] = await findGpu();
  if (!gpu) {
    say(`Engine: the processor; ${whyNot}`);
    return cpu;
  }
  const probe = probeOf(spec);
  const cpuMs = await measure(cpu, probe);
  const gpuMs = await within(patience * cpuMs + compileMs, measure(gpu, probe));
  const isGpu = gpuMs < cpuMs;
  const taken = Number.isFinite(gpuMs) ? `${gpuMs.toFixed(0)} ms` : 'longer than was waited for';
  say(
    `Engine: the ${isGpu ? 'graphics processor' : 'processor'}; a micro-batch took ${taken} on ${gpu.device}, ${cpuMs.toFixed(0)} ms on ${cpu.device}`,
  );
  // Not waited for: it may still compute. What it held is free when it is done.
  (isGpu ? cpu : gpu).dispose().catch(() => undefined);
  return isGpu ? gpu : cpu;
}

async function findGpu(): Promise<[GpuEngine] | [undefined, string]> {
  let gpu: GpuEngine;
  try {
    gpu = await GpuEngine.create();
  } catch (error) {
    if (error instanceof DeviceError) return [undefined, 'there is no graphics processor'];
    throw error;
  }
  if (!gpu.isSoftware) return [gpu];
  await gpu.dispose();
  return [undefined, `${gpu.device} is a program, no graphics processor`];
}

/** One micro-batch in flight is enough to measure, and takes the least memory. */
function probeOf(spec: StageSpec): StageSpec {
  return { ...spec, numMicroBatches: 1, maxInFlight: 1 };
}

/** Milliseconds of the second forward and backward; the first one compiles. */
async function measure(engine: StageEngine, spec: StageSpec): Promise<number> {
  await engine.load(spec);
  await engine.importState(initialize(spec.units, 0));
  const input = zeros([spec.microBatchSize, ...spec.inputShape]);
  let started = 0;
  for (let turn = 0; turn < 2; turn++) {
    started = performance.now();
    if (spec.loss) {
      await engine.forwardLoss(turn, input, new Int32Array(spec.microBatchSize));
      await engine.backward(turn, null);
    } else {
      const output = await engine.forward(turn, input);
      await engine.backward(turn, output);
    }
    // Nothing says that a backward without an input gradient has been computed, but its result.
    await engine.exportGradients();
  }
  return performance.now() - started;
}

/** What the call resolves to, or Infinity once the time is over; its end is waited for elsewhere. */
async function within(milliseconds: number, call: Promise<number>): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<number>((resolve) => {
    timer = setTimeout(resolve, milliseconds, Infinity);
  });
  try {
    return await Promise.race([call.catch(() => Infinity), over]);
  } finally {
    clearTimeout(timer);
  }
}
