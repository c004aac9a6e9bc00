import type { Submit } from './command-queue';
import { bind, compileKernels, encode, type Command } from './commands';
import type { Dispatch } from './kernel';
import type { Region } from './memory';
import { StageBuffers } from './stage-buffers';
import { dispatchesOf, type StageLayout } from './stage-layout';
import type { StagePlan } from './stage-plan';
import { cutIntoSubmits, learnCosts, safeSubmit, type SubmitLimits } from './submit-size';

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

/** A copy at the end of a call, from the start of a region; as much as fits into `to`. */
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
  readonly #limits: SubmitLimits;
  /** Milliseconds of the dispatches of each list of passes, as far as they have been timed. */
  readonly #costs = new Map<string, readonly (number | undefined)[]>();

  private constructor(
    device: GPUDevice,
    layout: StageLayout,
    buffers: StageBuffers,
    commonCommands: Commands,
    slots: readonly Commands[],
    limits: SubmitLimits,
  ) {
    this.#limits = limits;
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
  static async create(
    device: GPUDevice,
    layout: StageLayout,
    limits: SubmitLimits = safeSubmit,
  ): Promise<Stage> {
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
    return new Stage(device, layout, buffers, commonCommands, slots, limits);
  }

  get plan(): StagePlan {
    return this.layout.plan;
  }

  /**
   * Uploads by `writeBuffer`, since mapped staging buffers were seen stale in Safari 26.5. A call
   * makes all its writes, a tensor and at most labels, before it encodes anything: bursts of them
   * between the submits hang Safari's GPU (WebKit 71563).
   */
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
   * The passes for the micro-batch in `slot`, as submits of one compute pass each: one, or as many
   * as the measured times of its dispatches ask for. The copies end the last.
   */
  submits(passes: readonly PassName[], slot: number, copies: readonly Copy[]): Submit[] {
    const commands = passes.flatMap(
      (pass) => this.#common.get(pass) ?? this.#slots[slot]?.get(pass) ?? [],
    );
    const key = passes.join();
    const costs = this.#costs.get(key) ?? commands.map(() => undefined);
    const pieces = cutIntoSubmits(costs, this.#limits);
    return pieces.map((piece, index) => ({
      run: () => {
        const isLast = index === pieces.length - 1;
        this.#submit(commands.slice(piece.from, piece.to), isLast ? copies : []);
      },
      took: (ms) => {
        this.#costs.set(key, learnCosts(this.#costs.get(key) ?? costs, piece, ms));
      },
    }));
  }

  /** Submits copies alone. */
  copy(copies: readonly Copy[]): void {
    this.#submit([], copies);
  }

  #submit(commands: readonly Command[], copies: readonly Copy[]): void {
    const encoder = this.#device.createCommandEncoder();
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
