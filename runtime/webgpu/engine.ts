import {
  EngineOrderError,
  precisions,
  LabelError,
  type DeviceMemory,
  type LossResult,
  type OptimizerStep,
  type Precision,
  type StageEngine,
  type StageSpec,
} from '../engine';
import {
  expectShape,
  ShapeError,
  tensor,
  type NamedTensors,
  type Shape,
  type Tensor,
} from '../tensor';
import { CommandQueue } from './command-queue';
import type { RequestedDevice } from './device';
import { expectRoom } from './device-memory';
import { InFlight } from './in-flight';
import { totalBytes } from './memory-use';
import type { TileChoice } from './operations/convolution';
import { expectPrecision, hasHalf } from './precision';
import { StagingRing } from './readback';
import { Stage } from './stage';
import { layOutStage } from './stage-layout';
import { planStage } from './stage-plan';
import { StateTransfer } from './state-transfer';
import { safeSubmit, type SubmitLimits } from './submit-size';
import { TuningCases, tuneTiles, type TuningOptions } from './tile-tuning';

/** A stage in use. */
interface Loaded {
  readonly spec: StageSpec;
  readonly stage: Stage;
  readonly transfer: StateTransfer;
  readonly inFlight: InFlight;
  readonly outputs: StagingRing;
  readonly inputGradients: StagingRing;
  readonly losses: StagingRing;
}

/**
 * A stage computed by the WGSL kernels, on any WebGPU device: in a page, a Web Worker, or in Node
 * through Dawn. Each micro-batch's half is one compute pass and one submit, or several where it would
 * keep the GPU for long. Tensors handed in must not change until the call's promise settles.
 *
 * Besides what the interface says, any call rejects with DeviceLostError once the device is lost;
 * `importState` also drops what is in flight and the gradients, so that a step can begin anew.
 */
export class WebGpuEngine implements StageEngine {
  readonly kind = 'webgpu';
  readonly device: string;
  readonly memory: DeviceMemory;
  readonly precisions: readonly Precision[];
  readonly #device: GPUDevice;
  readonly #queue: CommandQueue;
  readonly #tuning: TuningOptions | undefined;
  readonly #submitLimits: SubmitLimits;
  #loaded: Loaded | undefined;

  /** The device stays the caller's: `dispose` frees the stage, not the device. */
  constructor(
    { device, description, software, memoryBytes }: RequestedDevice,
    /** Where given, and on a real GPU, `load` times the convolutions' kernels and picks. */
    tuning?: TuningOptions,
    submitLimits: SubmitLimits = safeSubmit,
  ) {
    this.#device = device;
    this.device = description;
    this.precisions = hasHalf(device) ? precisions : ['f32'];
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    this.memory = {
      bufferBytes: Math.min(maxBufferSize, maxStorageBufferBindingSize),
      ...(memoryBytes !== undefined && { totalBytes: memoryBytes }),
    };
    // In software the largest tiles have won wherever they were timed, and timing takes minutes.
    this.#tuning = software ? undefined : tuning;
    this.#submitLimits = submitLimits;
    this.#queue = new CommandQueue(device);
  }

  /**
   * @throws PrecisionError when the device can't store values so
   * @throws StageMemoryError when the device is too small for the stage
   * @throws KernelError when the device refuses a kernel
   */
  load(spec: StageSpec): Promise<void> {
    return this.#queue.exclusive(async () => {
      this.#free();
      const device = this.#device;
      const maxBindingBytes = device.limits.maxStorageBufferBindingSize;
      expectPrecision(spec.precision, this.precisions, this.device);
      const largest = layOutStage(spec, maxBindingBytes);
      expectRoom(spec, largest, this.memory, this.device);
      const tiles = await this.#tiles(spec);
      const layout = tiles ? layOutStage(spec, maxBindingBytes, tiles) : largest;
      const stage = await Stage.create(device, layout, this.#submitLimits);
      const { output, inputGradient, loss } = layout.staging;
      this.#loaded = {
        spec,
        stage,
        transfer: new StateTransfer(device, stage),
        inFlight: new InFlight(spec.maxInFlight),
        outputs: new StagingRing(device, output),
        inputGradients: new StagingRing(device, inputGradient),
        losses: new StagingRing(device, loss),
      };
    });
  }

  importState(state: NamedTensors): Promise<void> {
    return this.#queue.exclusive(async () => {
      const { transfer, inFlight } = this.#current();
      transfer.import(state);
      inFlight.clear();
      await this.#device.queue.onSubmittedWorkDone();
    });
  }

  exportState(): Promise<NamedTensors> {
    return this.#queue.exclusive(() => this.#current().transfer.export());
  }

  exportGradients(): Promise<NamedTensors> {
    return this.#queue.exclusive(() => this.#current().transfer.exportGradients());
  }

  forward(microBatch: number, input: Tensor): Promise<Tensor> {
    return this.#queue.submit(
      async () => {
        const loaded = this.#current();
        const { inFlight, outputs, stage } = loaded;
        expectShape(`forward of micro-batch ${microBatch}`, stage.plan.inputShape, input.shape);
        const place = inFlight.begin(microBatch);
        return { ...loaded, place, staging: await outputs.acquire() };
      },
      ({ stage, outputs, place, staging }) => {
        const { plan } = stage;
        const { download } = plan.memory;
        uploadInput(stage, input);
        const copies = [{ region: download, to: staging }];
        return {
          submits: stage.submits(['forward', 'forwardOutput'], place, copies),
          finish: () => outputs.read(staging, (floats) => tensor(plan.outputShape, floats.slice())),
        };
      },
    );
  }

  /** @throws LabelError for a label that is no class of the network */
  forwardLoss(microBatch: number, input: Tensor, labels: Int32Array): Promise<LossResult> {
    return this.#queue.submit(
      async () => {
        const loaded = this.#current();
        const { spec, inFlight, losses, stage } = loaded;
        if (!spec.loss)
          throw new EngineOrderError('forwardLoss: the stage was loaded without a loss');
        const what = `forwardLoss of micro-batch ${microBatch}`;
        expectShape(what, stage.plan.inputShape, input.shape);
        expectLabels(what, stage.plan.outputShape, labels);
        const place = inFlight.begin(microBatch);
        return { ...loaded, place, staging: await losses.acquire() };
      },
      ({ stage, losses, place, staging }) => {
        const { labels: labelRegion, lossResult } = stage.plan.memory;
        uploadInput(stage, input);
        stage.write(labelRegion, labels);
        const copies = [{ region: lossResult, to: staging }];
        return {
          submits: stage.submits(['forward', 'forwardLoss'], place, copies),
          finish: () => losses.read(staging, ([loss = NaN, correct = NaN]) => ({ loss, correct })),
        };
      },
    );
  }

  backwardInput(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null> {
    return this.#backward(microBatch, outputGradient, false);
  }

  backwardWeight(microBatch: number): Promise<void> {
    return this.#queue.submit(
      async () => {
        const { stage, inFlight } = this.#current();
        return Promise.resolve({ stage, place: inFlight.end(microBatch) });
      },
      ({ stage, place }) => ({
        submits: stage.submits(['backwardWeight'], place, []),
        finish: (done) => done,
      }),
    );
  }

  backward(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null> {
    return this.#backward(microBatch, outputGradient, true);
  }

  #backward(
    microBatch: number,
    outputGradient: Tensor | null,
    withWeight: boolean,
  ): Promise<Tensor | null> {
    return this.#queue.submit(
      async () => {
        const loaded = this.#current();
        const { spec, stage, inFlight, inputGradients } = loaded;
        const what = `backward of micro-batch ${microBatch}`;
        if (spec.loss ? outputGradient !== null : outputGradient === null) {
          throw new EngineOrderError(
            `${what}: ${spec.loss ? 'the loss makes the output gradient, got another' : 'expected an output gradient, got none'}`,
          );
        }
        if (!withWeight && spec.splitsBackward === false) {
          throw new EngineOrderError(
            `${what}: the stage was loaded for whole backwards (splitsBackward: false), got half of one`,
          );
        }
        if (outputGradient) expectShape(what, stage.plan.outputShape, outputGradient.shape);
        const place = inFlight.beginBackward(microBatch);
        if (withWeight) inFlight.end(microBatch);
        const staging = spec.needsInputGradient ? await inputGradients.acquire() : undefined;
        return { ...loaded, place, staging };
      },
      ({ stage, inputGradients, place, staging }) => {
        const { memory, inputShape } = stage.plan;
        if (outputGradient) uploadInput(stage, outputGradient);
        const passes = withWeight
          ? (['backwardInput', 'backwardWeight', 'backward'] as const)
          : (['backwardInput'] as const);
        const copies = staging ? [{ region: memory.download, to: staging }] : [];
        const submits = stage.submits(passes, place, copies);
        if (!staging) return { submits, finish: (done) => done.then(() => null) };
        return {
          submits,
          finish: () =>
            inputGradients.read(staging, (floats) => tensor(inputShape, floats.slice())),
        };
      },
    );
  }

  applyOptimizer(step: OptimizerStep): Promise<void> {
    return this.#queue.submit(
      () => Promise.resolve().then(() => this.#current()),
      ({ stage }) => {
        stage.write(stage.plan.memory.optimizerStep, stage.plan.encodeStep(step));
        return { submits: stage.submits(['optimizer'], 0, []), finish: (done) => done };
      },
    );
  }

  evaluate(input: Tensor): Promise<Tensor> {
    return this.#queue.submit(
      async () => {
        const loaded = this.#current();
        expectShape('evaluate', loaded.stage.plan.inputShape, input.shape);
        return { ...loaded, staging: await loaded.outputs.acquire() };
      },
      ({ stage, outputs, staging }) => {
        const { memory, outputShape } = stage.plan;
        uploadInput(stage, input);
        return {
          submits: stage.submits(['evaluate'], 0, [{ region: memory.download, to: staging }]),
          finish: () => outputs.read(staging, (floats) => tensor(outputShape, floats.slice())),
        };
      },
    );
  }

  /** For a page that is hidden: calls are taken, but nothing is submitted until `resume`. */
  pause(): void {
    this.#queue.pause();
  }

  resume(): void {
    this.#queue.resume();
  }

  memoryBytes(): number {
    return this.#loaded ? totalBytes(this.#loaded.stage.layout.memory) : 0;
  }

  async dispose(): Promise<void> {
    await this.#queue.drain();
    this.#free();
  }

  async #tiles(spec: StageSpec): Promise<TileChoice | undefined> {
    if (!this.#tuning) return undefined;
    const cases = new TuningCases(spec.precision);
    planStage(spec, this.#device.limits.maxStorageBufferBindingSize, cases.record);
    return tuneTiles(this.#device, this.device, cases, this.#tuning);
  }

  #current(): Loaded {
    if (!this.#loaded) throw new EngineOrderError('no stage is loaded; call load first');
    return this.#loaded;
  }

  #free(): void {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    if (!loaded) return;
    const { stage, transfer, outputs, inputGradients, losses } = loaded;
    for (const held of [stage, transfer, outputs, inputGradients, losses]) held.destroy();
  }
}

function expectLabels(what: string, [batch = 0, classes = 0]: Shape, labels: Int32Array): void {
  if (labels.length !== batch) {
    throw new ShapeError(`${what}: expected ${batch} labels, got ${labels.length}`);
  }
  const wrong = labels.find((label) => label < 0 || label >= classes);
  if (wrong !== undefined) {
    throw new LabelError(`${what}: expected labels from 0 to ${classes - 1}, got ${wrong}`);
  }
}

/** `writeBuffer` has taken the values when it returns. */
function uploadInput(stage: Stage, { data, release }: Tensor): void {
  stage.write(stage.plan.memory.upload, data);
  release?.();
}
