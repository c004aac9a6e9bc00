import { bind, compileKernels, encode, type Command } from './commands';
import type { Dispatch } from './kernel';
import type { Region } from './memory';
import { StageBuffers } from './stage-buffers';
import { dispatchesOf, type StageLayout } from './stage-layout';
import type { StagePlan } from './stage-plan';

export type PassName =
  | 'forward'
  | 'forwardOutput'
  | 'forwardLoss'
  | 'evaluate'
  | 'backwardInput'
  | 'backwardWeight'
  | 'backward'
  | 'optimizer';

const perMicroBatch = [
  'forward',
  'forwardOutput',
  'forwardLoss',
  'backwardInput',
  'backwardWeight',
  'backward',
] as const satisfies readonly PassName[];

const common = ['evaluate', 'optimizer'] as const satisfies readonly PassName[];

type Commands = ReadonlyMap<PassName, readonly Command[]>;

/** A copy at the end of a submit, from the start of a region; as much as fits into `to`. */
export interface Copy {
  readonly region: Region;
  readonly to: GPUBuffer;
}

/** A stage on a device: every buffer, pipeline and bind group that it needs, made once. */
export class Stage {
  readonly layout: StageLayout;
  readonly buffers: StageBuffers;
  readonly #device: GPUDevice;
  readonly #common: Commands;
  readonly #slots: readonly Commands[];

  private constructor(
    device: GPUDevice,
    layout: StageLayout,
    buffers: StageBuffers,
    commonCommands: Commands,
    slots: readonly Commands[],
  ) {
    this.#device = device;
    this.layout = layout;
    this.buffers = buffers;
    this.#common = commonCommands;
    this.#slots = slots;
  }

  /**
   * @throws StageMemoryError when the device runs out of memory
   * @throws KernelError when the device refuses a kernel
   */
  static async create(device: GPUDevice, layout: StageLayout): Promise<Stage> {
    const { plan, params, maxInFlight } = layout;
    const compiled = await compileKernels(device, dispatchesOf(plan));
    const buffers = await StageBuffers.create(device, layout);
    params.upload(device);

    device.pushErrorScope('validation');
    const bindAll = (passes: readonly PassName[], slot: number): Commands => {
      const bindOne = (dispatch: Dispatch): Command =>
        bind(device, compiled, params, (allocation) => buffers.of(allocation, slot), dispatch);
      return new Map(passes.map((pass) => [pass, plan[pass].map(bindOne)]));
    };
    const commonCommands = bindAll(common, 0);
    const slots = Array.from({ length: maxInFlight }, (_, slot) => bindAll(perMicroBatch, slot));
    const error = await device.popErrorScope();
    if (error) {
      buffers.destroy();
      params.destroy();
      throw new StageBindingError(error.message);
    }
    return new Stage(device, layout, buffers, commonCommands, slots);
  }

  get plan(): StagePlan {
    return this.layout.plan;
  }

  write({ allocation, offset }: Region, data: ArrayBufferView | ArrayBuffer): void {
    const [buffer, byteOffset] = ArrayBuffer.isView(data)
      ? [data.buffer, data.byteOffset]
      : [data, 0];
    this.#device.queue.writeBuffer(
      this.buffers.of(allocation),
      offset,
      buffer,
      byteOffset,
      data.byteLength,
    );
  }

  /**
   * Encodes the passes as one compute pass, for the micro-batch in `slot`, then the copies, and
   * submits them.
   */
  submit(passes: readonly PassName[], slot: number, copies: readonly Copy[]): void {
    const encoder = this.#device.createCommandEncoder();
    const commands = passes.flatMap(
      (pass) => this.#common.get(pass) ?? this.#slots[slot]?.get(pass) ?? [],
    );
    if (commands.length > 0) {
      const pass = encoder.beginComputePass();
      encode(pass, commands);
      pass.end();
    }
    for (const { region, to } of copies) {
      const { allocation, offset, bytes } = region;
      const from = this.buffers.of(allocation);
      encoder.copyBufferToBuffer(from, offset, to, 0, Math.min(bytes, to.size));
    }
    this.#device.queue.submit([encoder.finish()]);
  }

  /** Sets the summed gradients to zero. */
  clearGradients(): void {
    const encoder = this.#device.createCommandEncoder();
    for (const { allocation } of this.plan.memory.gradients.parts) {
      encoder.clearBuffer(this.buffers.of(allocation));
    }
    this.#device.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    this.buffers.destroy();
    this.layout.params.destroy();
  }
}

/** A bind group does not fit its kernel: a fault in the plan. */
class StageBindingError extends Error {
  override readonly name = 'StageBindingError';
}
