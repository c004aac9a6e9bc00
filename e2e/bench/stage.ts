import type { StageSpec } from '../../runtime/engine';
import { splitAt } from '../../runtime/model/cut';
import { outputShapeOf } from '../../runtime/model/graph';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet } from '../../runtime/model/resnet';
import { Random } from '../../runtime/random';
import { elementCount, tensor } from '../../runtime/tensor';
import type { RequestedDevice } from '../../runtime/webgpu/device';
import { WebGpuEngine } from '../../runtime/webgpu/engine';
import { prepareConvolution, type Prepared } from '../../runtime/bench/prepare-convolution';
import { directions, makeCaseData, resNet34Cases } from '../../runtime/bench/convolution-case';
import { medianMs } from '../../runtime/bench/timing';

/**
 * Micro-batches of a step. The optimizer reads and writes the parameters once a step, however many
 * there are; one alone, of two pictures, would measure the optimizer.
 */
export const numMicroBatches = 4;

/** The layers that the stage from layer3.0 to the head has. */
export const stageLayers: readonly string[] = ['layer3', 'layer4'];

export interface StageTimes {
  /** Of one step. */
  readonly ms: number;
  /** Of its convolutions in all directions, one after the other. */
  readonly convMs: number;
}

/**
 * Median times of one training step of ResNet-34 from layer3.0 to the head: each micro-batch forward
 * into the loss and backward with the gradient for the stage before, then the optimizer. In turns with
 * it, its convolutions by themselves.
 */
export async function measureStage(
  device: RequestedDevice,
  size: number,
  batch: number,
  repetitions: number,
): Promise<StageTimes> {
  const convolutions = await Convolutions.prepare(device, size, batch);
  const model = buildResNet({ architecture: 'resnet34', numClasses: 1000, stem: 'imagenet' });
  const [before = [], units = []] = splitAt(model, ['layer3.0']);
  const inputShape = outputShapeOf(before, [3, size, size]);
  const spec: StageSpec = {
    units,
    inputShape,
    microBatchSize: batch,
    numMicroBatches,
    maxInFlight: 1,
    needsInputGradient: true,
    loss: { labelSmoothing: 0 },
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
  };
  const engine = new WebGpuEngine(device);
  try {
    await engine.load(spec);
    await engine.importState(initialize(units, 3));
    const random = new Random(3, 'stage');
    const length = batch * elementCount(inputShape);
    // As the ReLU in front of the stage leaves them.
    const input = tensor(
      [batch, ...inputShape],
      Float32Array.from({ length }, () => Math.max(0, random.between(-1, 1))),
    );
    const labels = Int32Array.from({ length: batch }, () => random.integer(1000));
    let step = 0;
    const run = async (count: number): Promise<void> => {
      const calls: Promise<unknown>[] = [];
      for (let index = 0; index < count; index++) {
        for (let microBatch = 0; microBatch < numMicroBatches; microBatch++) {
          calls.push(engine.forwardLoss(microBatch, input, labels));
          calls.push(engine.backward(microBatch, null));
        }
        calls.push(engine.applyOptimizer({ learningRate: 1e-3, step: ++step }));
      }
      await Promise.all(calls);
    };
    const runs = [run, (count: number) => convolutions.run(count)];
    for (const each of runs) await each(1);
    const [ms = NaN, convMs = NaN] = await medianMs(runs, repetitions);
    return { ms, convMs: convMs * numMicroBatches };
  } finally {
    convolutions.dispose();
    await engine.dispose();
  }
}

/** Every convolution of the stage on one micro-batch, in all directions, as often as it is there. */
class Convolutions {
  readonly #prepared: readonly { readonly convolution: Prepared; readonly count: number }[];

  private constructor(prepared: readonly { convolution: Prepared; count: number }[]) {
    this.#prepared = prepared;
  }

  static async prepare(
    { device }: RequestedDevice,
    size: number,
    batch: number,
  ): Promise<Convolutions> {
    const prepared: { convolution: Prepared; count: number }[] = [];
    for (const each of resNet34Cases(size, batch)) {
      if (!stageLayers.includes(each.layer)) continue;
      const data = makeCaseData(each);
      for (const direction of directions) {
        const convolution = await prepareConvolution(device, each, direction, data);
        prepared.push({ convolution, count: each.count });
      }
    }
    return new Convolutions(prepared);
  }

  async run(times: number): Promise<void> {
    for (let index = 0; index < times; index++) {
      // All are issued before the first is waited for, as the engine issues a stage.
      await Promise.all(this.#prepared.map(({ convolution, count }) => convolution.run(count)));
    }
  }

  dispose(): void {
    for (const { convolution } of this.#prepared) void convolution.dispose();
  }
}
