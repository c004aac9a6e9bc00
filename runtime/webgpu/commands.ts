import type { Dispatch, Kernel } from './kernel';
import { alignUp, offsetAlignment, type Allocation, type Region } from './memory';
import { compileKernel, type CompiledKernel } from './pipelines';

/** A dispatch with its pipeline and bind group, ready to be encoded any number of times. */
export interface Command {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Which buffer stands for an allocation. */
export type BufferOf = (allocation: Allocation) => GPUBuffer;

/** The `params` of many dispatches in one uniform buffer; equal bytes are kept once. */
export class ParamsArena {
  readonly #offsets = new Map<string, number>();
  readonly #chunks: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  #size = 0;
  #buffer: GPUBuffer | undefined;

  constructor(dispatches: Iterable<Dispatch>) {
    for (const { params } of dispatches) {
      const key = params.join();
      if (params.length === 0 || this.#offsets.has(key)) continue;
      this.#offsets.set(key, this.#size);
      this.#chunks.push({ offset: this.#size, bytes: params });
      this.#size = alignUp(this.#size + params.length, offsetAlignment);
    }
  }

  get bytes(): number {
    return this.#size;
  }

  upload(device: GPUDevice): void {
    if (this.#size === 0) return;
    const data = new Uint8Array(this.#size);
    for (const { offset, bytes } of this.#chunks) data.set(bytes, offset);
    this.#buffer = device.createBuffer({
      label: 'params',
      size: this.#size,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(this.#buffer, 0, data);
  }

  binding({ kernel, params }: Dispatch): GPUBufferBinding {
    const offset = this.#offsets.get(params.join());
    if (!this.#buffer || offset === undefined) {
      throw new Error(`${kernel.name}: its params are not in the arena`);
    }
    return { buffer: this.#buffer, offset, size: params.length };
  }

  destroy(): void {
    this.#buffer?.destroy();
  }
}

/** Compiles the kernels of the dispatches; the pipelines of one device are shared. */
export async function compileKernels(
  device: GPUDevice,
  dispatches: Iterable<Dispatch>,
): Promise<Map<Kernel, CompiledKernel>> {
  const kernels = new Set([...dispatches].map(({ kernel }) => kernel));
  const compiled = [...kernels].map(
    async (kernel) => [kernel, await compileKernel(device, kernel)] as const,
  );
  return new Map(await Promise.all(compiled));
}

/** Binds a dispatch to the buffers that stand for its allocations. */
export function bind(
  device: GPUDevice,
  compiled: ReadonlyMap<Kernel, CompiledKernel>,
  params: ParamsArena,
  bufferOf: BufferOf,
  dispatch: Dispatch,
): Command {
  const { kernel, regions, workgroups } = dispatch;
  const { pipeline, bindGroupLayout } = compiled.get(kernel) ?? missing(kernel);
  const resourceOf = (name: string): GPUBufferBinding => {
    if (name === 'params') return params.binding(dispatch);
    const region = regions[name] ?? missing(kernel, name);
    return regionBinding(bufferOf, region);
  };
  const bindGroup = device.createBindGroup({
    label: kernel.name,
    layout: bindGroupLayout,
    entries: Object.keys(kernel.layout.entries).map((name, binding) => ({
      binding,
      resource: resourceOf(name),
    })),
  });
  return { pipeline, bindGroup, workgroups };
}

function regionBinding(bufferOf: BufferOf, region: Region): GPUBufferBinding {
  return { buffer: bufferOf(region.allocation), offset: region.offset, size: region.bytes };
}

function missing(kernel: Kernel, binding?: string): never {
  throw new Error(`${kernel.name}: ${binding ? `no region for '${binding}'` : 'not compiled'}`);
}

/** Encodes the commands into a pass, in their order; each sees what those before it wrote. */
export function encode(pass: GPUComputePassEncoder, commands: readonly Command[]): void {
  let current: GPUComputePipeline | undefined;
  for (const { pipeline, bindGroup, workgroups } of commands) {
    if (pipeline !== current) pass.setPipeline(pipeline);
    current = pipeline;
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
  }
}
