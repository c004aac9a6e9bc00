import { d } from 'typegpu';
import { defineKernel, dispatch, vectors } from '../webgpu/kernel';
import { allocate } from '../webgpu/memory';
import { RepeatableDispatches } from '../webgpu/repeatable-dispatches';
import { medianMs } from './timing';

/** The loop of multiply-adds that the device runs fastest. */
export interface Peak {
  readonly how: string;
  readonly gigaflops: number;
  /** Floating-point operations of one run, two for each multiply-add. */
  readonly operations: number;
  run(count: number): Promise<void>;
  dispose(): void;
}

/** `software`: about a thousandth of what would keep a graphics processor busy. */
export interface PeakOptions {
  readonly software: boolean;
  readonly repetitions: number;
}

const workgroupSize = [64, 1, 1] as const;

/** Made from its description: the variants differ in nothing but how often a line stands there. */
const multiplyAddKernels = [2, 4, 8, 16].flatMap((accumulators) =>
  [true, false].map((fused) => ({
    accumulators,
    fused,
    kernel: defineKernel({
      name: `multiply-add-${accumulators}${fused ? '-fused' : ''}`,
      code: multiplyAddCode(accumulators, fused),
      entries: {
        params: { uniform: d.struct({ factor: d.vec4f, term: d.vec4f, iterations: d.u32 }) },
        result: { storage: vectors, access: 'mutable' },
      },
      workgroupSize,
    }),
  })),
);

/**
 * Multiply-adds of vec4f in registers, each of `accumulators` waiting for its own last one only.
 * How many are best, and whether `fma` or `a * b + c`, differs between devices.
 */
function multiplyAddCode(accumulators: number, fused: boolean): string {
  const names = Array.from({ length: accumulators }, (_, index) => `sum${index}`);
  const step = (name: string): string =>
    fused ? `${name} = fma(${name}, factor, term);` : `${name} = ${name} * factor + term;`;
  return `
    struct Params { factor: vec4f, term: vec4f, iterations: u32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read_write> result: array<vec4f>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      let factor = params.factor;
      let term = params.term;
      ${names.map((name, index) => `var ${name} = vec4f(f32(id.x + ${index}u));`).join('\n')}
      for (var i = 0u; i < params.iterations; i += 1u) {
        ${Array.from({ length: 4 }, () => names.map(step).join('\n')).join('\n')}
      }
      result[id.x] = ${names.join(' + ')};
    }`;
}

/** Finds what a kernel without any memory traffic reaches. */
export async function measurePeak(
  device: GPUDevice,
  { software, repetitions }: PeakOptions,
): Promise<Peak> {
  const threads = software ? 1 << 12 : 1 << 18;
  const iterations = 512;
  const result = allocate('result', threads * 16);
  const variants = await Promise.all(
    multiplyAddKernels.map(async ({ accumulators, fused, kernel }) => {
      // The sums stay finite: they tend to term / (1 - factor).
      const half = d.vec4f(0.5);
      const params = { factor: half, term: half, iterations };
      const repeatable = await RepeatableDispatches.create(device, [
        dispatch(kernel, { params, regions: { result }, threads }),
      ]);
      return {
        how: `${fused ? 'fma(a, b, c)' : 'a * b + c'} on ${accumulators} vec4f a thread`,
        operations: threads * iterations * 4 * accumulators * 4 * 2,
        run: (count: number) => repeatable.run(count, result),
        dispose: () => repeatable.destroy(),
      };
    }),
  );
  const runs = variants.map(({ run }) => run);
  for (const run of runs) await run(1);
  const times = await medianMs(runs, repetitions);
  const peaks = variants.map((variant, index) => ({
    ...variant,
    gigaflops: variant.operations / (times[index] ?? NaN) / 1e6,
  }));
  const best = peaks.reduce((most, peak) => (peak.gigaflops > most.gigaflops ? peak : most));
  for (const peak of peaks) if (peak !== best) peak.dispose();
  return best;
}

const copyKernel = defineKernel({
  name: 'copy',
  code: `
    @group(0) @binding(0) var<storage, read> source: array<vec4f>;
    @group(0) @binding(1) var<storage, read_write> copy: array<vec4f>;
    @compute @workgroup_size(64)
    fn main(
      @builtin(global_invocation_id) id: vec3u,
      @builtin(num_workgroups) groups: vec3u,
    ) {
      let index = id.x + id.y * groups.x * 64u;
      if (index < arrayLength(&copy)) {
        copy[index] = source[index];
      }
    }`,
  entries: { source: { storage: vectors }, copy: { storage: vectors, access: 'mutable' } },
  workgroupSize,
});

/** Gigabytes a second, read and written together, of a kernel that copies one buffer to another. */
export async function measureBandwidth(
  device: GPUDevice,
  { software, repetitions }: PeakOptions,
): Promise<number> {
  const bytes = (software ? 16 : 128) * 2 ** 20;
  const copy = allocate('copy', bytes);
  const repeatable = await RepeatableDispatches.create(device, [
    dispatch(copyKernel, {
      regions: { source: allocate('source', bytes), copy },
      threads: bytes / 16,
    }),
  ]);
  const run = (count: number): Promise<void> => repeatable.run(count, copy);
  await run(1);
  const [ms = NaN] = await medianMs([run], repetitions);
  repeatable.destroy();
  return (2 * bytes) / ms / 1e6;
}
