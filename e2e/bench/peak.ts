import { readFloats } from './contestant';
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

const workgroupSize = 64;

/**
 * Multiply-adds of vec4f in registers, each of `accumulators` waiting for its own last one only.
 * How many are best, and whether `fma` or `a * b + c`, differs between devices.
 */
function multiplyAddKernel(accumulators: number, fused: boolean): string {
  const names = Array.from({ length: accumulators }, (_, index) => `sum${index}`);
  const step = (name: string): string =>
    fused ? `${name} = fma(${name}, factor, term);` : `${name} = ${name} * factor + term;`;
  return `
    struct Params { factor: vec4f, term: vec4f, iterations: u32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read_write> result: array<vec4f>;
    @compute @workgroup_size(${workgroupSize})
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
  const iterations = software ? 512 : 1024;
  const result = device.createBuffer({
    size: threads * 16,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  });
  const params = device.createBuffer({
    size: 48,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  // The sums stay finite: they tend to term / (1 - factor).
  device.queue.writeBuffer(params, 0, new Float32Array(8).fill(0.5));
  device.queue.writeBuffer(params, 32, Uint32Array.of(iterations));
  const variants = [2, 4, 8, 16].flatMap((accumulators) =>
    [true, false].map((fused) => ({ accumulators, fused })),
  );
  const runs = await Promise.all(
    variants.map(async ({ accumulators, fused }) => {
      const code = multiplyAddKernel(accumulators, fused);
      const submit = await pipeline(device, code, [params, result], threads / workgroupSize);
      return async (count: number) => {
        for (let index = 0; index < count; index++) submit();
        await readFloats(device, result, 4);
      };
    }),
  );
  for (const run of runs) await run(1);
  const times = await medianMs(runs, repetitions);
  const peaks = variants.map(({ accumulators, fused }, index) => {
    const operations = threads * iterations * 4 * accumulators * 4 * 2;
    return {
      how: `${fused ? 'fma(a, b, c)' : 'a * b + c'} on ${accumulators} vec4f a thread`,
      gigaflops: operations / (times[index] ?? NaN) / 1e6,
      operations,
      run: runs[index] ?? (() => Promise.resolve()),
      dispose() {
        result.destroy();
        params.destroy();
      },
    };
  });
  return peaks.reduce((best, peak) => (peak.gigaflops > best.gigaflops ? peak : best));
}

const copyKernel = `
  @group(0) @binding(0) var<storage, read> source: array<vec4f>;
  @group(0) @binding(1) var<storage, read_write> copy: array<vec4f>;
  @compute @workgroup_size(${workgroupSize})
  fn main(
    @builtin(global_invocation_id) id: vec3u,
    @builtin(num_workgroups) groups: vec3u,
  ) {
    let index = id.x + id.y * groups.x * ${workgroupSize}u;
    copy[index] = source[index];
  }`;

/** Gigabytes a second, read and written together, of a kernel that copies one buffer to another. */
export async function measureBandwidth(
  device: GPUDevice,
  { software, repetitions }: PeakOptions,
): Promise<number> {
  const bytes = (software ? 16 : 128) * 2 ** 20;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const buffers = [0, 1].map(() => device.createBuffer({ size: bytes, usage }));
  const [, copy] = buffers;
  if (!copy) throw new Error('two buffers');
  const rows = 256;
  const submit = await pipeline(
    device,
    copyKernel,
    buffers,
    bytes / 16 / workgroupSize / rows,
    rows,
  );
  const run = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) submit();
    await readFloats(device, copy, 4);
  };
  await run(1);
  const [ms = NaN] = await medianMs([run], repetitions);
  for (const buffer of buffers) buffer.destroy();
  return (2 * bytes) / ms / 1e6;
}

async function pipeline(
  device: GPUDevice,
  code: string,
  buffers: readonly GPUBuffer[],
  x: number,
  y = 1,
): Promise<() => void> {
  const compute = { module: device.createShaderModule({ code }), entryPoint: 'main' };
  const compiled = await device.createComputePipelineAsync({ layout: 'auto', compute });
  const group = device.createBindGroup({
    layout: compiled.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  return () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(compiled);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(x, y);
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
}
