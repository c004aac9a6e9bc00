import { bind, compileKernels, encode, ParamsArena, type Command } from './commands';
import type { Dispatch } from './kernel';
import type { Allocation, Region } from './memory';
import { readFloats } from './read-floats';

/** Dispatches in memory of their own, compiled and bound: how kernels are timed by themselves. */
export class RepeatableDispatches {
  readonly #device: GPUDevice;
  readonly #params: ParamsArena;
  readonly #buffers = new Map<Allocation, GPUBuffer>();
  #commands: readonly Command[] = [];

  private constructor(device: GPUDevice, dispatches: readonly Dispatch[]) {
    this.#device = device;
    this.#params = new ParamsArena(dispatches);
  }

  /** @throws KernelError when the device refuses a kernel */
  static async create(
    device: GPUDevice,
    dispatches: readonly Dispatch[],
  ): Promise<RepeatableDispatches> {
    const compiled = await compileKernels(device, dispatches);
    const made = new RepeatableDispatches(device, dispatches);
    made.#params.upload(device);
    made.#commands = dispatches.map((each) =>
      bind(device, compiled, made.#params, (allocation) => made.#bufferOf(allocation), each),
    );
    return made;
  }

  write({ allocation, offset }: Region, floats: Float32Array): void {
    const { buffer, byteOffset, byteLength } = floats;
    this.#device.queue.writeBuffer(
      this.#bufferOf(allocation),
      offset,
      buffer,
      byteOffset,
      byteLength,
    );
  }

  clear({ allocation, offset, bytes }: Region): void {
    const encoder = this.#device.createCommandEncoder();
    encoder.clearBuffer(this.#bufferOf(allocation), offset, bytes);
    this.#device.queue.submit([encoder.finish()]);
  }

  /** All `count` runs in one pass and one submit, as the engine runs a stage. */
  submit(count: number): void {
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let index = 0; index < count; index++) encode(pass, this.#commands);
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  /** A timed sample: `count` runs, ended by reading one value of the last one's result. */
  async run(count: number, result: Region): Promise<void> {
    this.submit(count);
    await this.read(result, 4);
  }

  /** The first `bytes` of a region, when all that was submitted is done. */
  read({ allocation, offset, bytes: all }: Region, bytes = all): Promise<Float32Array> {
    return readFloats(this.#device, this.#bufferOf(allocation), bytes, offset);
  }

  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#params.destroy();
  }

  #bufferOf(allocation: Allocation): GPUBuffer {
    const known = this.#buffers.get(allocation);
    if (known) return known;
    const { label, bytes: size } = allocation;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = this.#device.createBuffer({ label, size, usage });
    this.#buffers.set(allocation, buffer);
    return buffer;
  }
}
