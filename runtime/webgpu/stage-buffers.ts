import { StageMemoryError } from './device-memory';
import type { Allocation } from './memory';
import { megabytes, totalBytes } from './memory-use';
import type { PlannedBuffer, StageLayout } from './stage-layout';

/** The buffers of a stage; made once and held until the stage is dropped. */
export class StageBuffers {
  readonly #buffers: GPUBuffer[] = [];
  readonly #byAllocation = new Map<Allocation, GPUBuffer>();
  readonly #bySlot: Map<Allocation, GPUBuffer>[] = [];

  /** @throws StageMemoryError when the device runs out of memory */
  static async create(
    device: GPUDevice,
    { common, kept, maxInFlight, memory }: StageLayout,
  ): Promise<StageBuffers> {
    const made = new StageBuffers();
    device.pushErrorScope('out-of-memory');
    made.#fill(device, made.#byAllocation, common);
    for (let slot = 0; slot < maxInFlight; slot++) {
      const buffers = new Map<Allocation, GPUBuffer>();
      made.#fill(device, buffers, kept);
      made.#bySlot.push(buffers);
    }
    const error = await device.popErrorScope();
    if (error) {
      made.destroy();
      throw new StageMemoryError(
        'out-of-memory',
        `the device has no ${megabytes(totalBytes(memory))} MB for the stage; use a smaller --micro-batch or a later --cut (${error.message})`,
      );
    }
    return made;
  }

  /** The buffer that stands for an allocation; in the given place among those in flight. */
  of(allocation: Allocation, slot = 0): GPUBuffer {
    const buffer = this.#byAllocation.get(allocation) ?? this.#bySlot[slot]?.get(allocation);
    if (!buffer) throw new Error(`${allocation.label}: no buffer was planned for it`);
    return buffer;
  }

  destroy(): void {
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
  }

  #fill(
    device: GPUDevice,
    buffers: Map<Allocation, GPUBuffer>,
    planned: readonly PlannedBuffer[],
  ): void {
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    for (const { label, bytes, allocations } of planned) {
      // WebGPU has no empty bindings: a stage without parameters has empty arenas but no parts.
      const usage = STORAGE | UNIFORM | COPY_SRC | COPY_DST;
      const buffer = device.createBuffer({ label, size: bytes, usage });
      this.#buffers.push(buffer);
      for (const allocation of allocations) buffers.set(allocation, buffer);
    }
  }
}
