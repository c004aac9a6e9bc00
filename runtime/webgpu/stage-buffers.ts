import type { FailureReason } from '../worker/status';
import { planLifetimes } from './lifetimes';
import type { Allocation } from './memory';
import type { StagePlan } from './stage-plan';

/** A stage needs more memory than the device gives; nothing was allocated. `reason` is the page's. */
export class StageMemoryError extends Error {
  override readonly name = 'StageMemoryError';
  readonly reason: Extract<FailureReason, 'limits-too-small' | 'out-of-memory'>;

  constructor(reason: StageMemoryError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** One GPU buffer to be, and the allocations that it stands for. */
interface PlannedBuffer {
  readonly label: string;
  readonly bytes: number;
  readonly allocations: readonly Allocation[];
}

/** The buffers of a stage; made once and held until the stage is dropped. */
export class StageBuffers {
  readonly #common: readonly PlannedBuffer[];
  readonly #kept: readonly PlannedBuffer[];
  readonly #maxInFlight: number;
  readonly #buffers: GPUBuffer[] = [];
  readonly #byAllocation = new Map<Allocation, GPUBuffer>();
  readonly #bySlot: Map<Allocation, GPUBuffer>[] = [];

  constructor(plan: StagePlan, maxInFlight: number) {
    const { parameters, gradients, slots, statistics, ...single } = plan.memory;
    const arenas = [parameters, gradients, ...slots.values(), statistics];
    const permanent = [...arenas.flatMap(({ parts }) => parts), ...Object.values(single)].map(
      ({ allocation }) => allocation,
    );
    const { kept, scratch } = planLifetimes(
      [
        [...plan.forward, ...plan.forwardOutput, ...plan.forwardLoss],
        plan.evaluate,
        plan.backwardInput,
        plan.backwardWeight,
        plan.backward,
        plan.optimizer,
      ],
      new Set(permanent),
    );
    const alone = (allocation: Allocation): PlannedBuffer => ({
      ...allocation,
      allocations: [allocation],
    });
    this.#common = [
      ...permanent.map(alone),
      ...scratch.map((shared, index) => ({ label: `scratch ${index}`, ...shared })),
    ];
    this.#kept = kept.map(alone);
    this.#maxInFlight = maxInFlight;
  }

  get bytes(): number {
    return sum(this.#common) + sum(this.#kept) * this.#maxInFlight;
  }

  /**
   * @throws StageMemoryError when one buffer is larger than the device's limits, or the device runs
   * out of memory
   */
  async create(device: GPUDevice): Promise<void> {
    const limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    for (const { label, bytes } of [...this.#common, ...this.#kept]) {
      if (bytes > limit) {
        throw new StageMemoryError(
          'limits-too-small',
          `${label}: ${bytes} bytes in one buffer, the device allows ${limit}; use a smaller micro-batch`,
        );
      }
    }
    device.pushErrorScope('out-of-memory');
    this.#fill(device, this.#byAllocation, this.#common);
    for (let slot = 0; slot < this.#maxInFlight; slot++) {
      const buffers = new Map<Allocation, GPUBuffer>();
      this.#fill(device, buffers, this.#kept);
      this.#bySlot.push(buffers);
    }
    const error = await device.popErrorScope();
    if (error) {
      this.destroy();
      throw new StageMemoryError(
        'out-of-memory',
        `the device has no ${this.bytes} bytes for the stage; use a smaller micro-batch or move the cut (${error.message})`,
      );
    }
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

function sum(planned: readonly PlannedBuffer[]): number {
  return planned.reduce((total, { bytes }) => total + bytes, 0);
}
