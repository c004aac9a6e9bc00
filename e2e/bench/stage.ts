import type { StageSpec } from '../../runtime/engine';
import { splitAt } from '../../runtime/model/cut';
import { outputShapeOf } from '../../runtime/model/graph';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet } from '../../runtime/model/resnet';
import { Random } from '../../runtime/random';
import { elementCount, tensor } from '../../runtime/tensor';
import type { RequestedDevice } from '../../runtime/webgpu/device';
import { WebGpuEngine } from '../../runtime/webgpu/engine';
import { medianMs } from './timing';

/** The layers that the stage from layer3.0 to the head has. */
export const stageLayers: readonly string[] = ['layer3', 'layer4'];

/**
 * Median milliseconds of one training step of ResNet-34 from layer3.0 to the head: a micro-batch
 * forward into the loss, backward with the gradient for the stage before, and the optimizer.
 */
export async function measureStage(
  device: RequestedDevice,
  size: number,
  batch: number,
  repetitions: number,
): Promise<number> {
  const model = buildResNet({ architecture: 'resnet34', numClasses: 1000, stem: 'imagenet' });
  const [before = [], units = []] = splitAt(model, ['layer3.0']);
  const inputShape = outputShapeOf(before, [3, size, size]);
  const spec: StageSpec = {
    units,
    inputShape,
    microBatchSize: batch,
    numMicroBatches: 1,
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
        calls.push(engine.forwardLoss(0, input, labels));
        calls.push(engine.backward(0, null));
        calls.push(engine.applyOptimizer({ learningRate: 1e-3, step: ++step }));
      }
      await Promise.all(calls);
    };
    await run(1);
    const [ms = NaN] = await medianMs([run], repetitions);
    return ms;
  } finally {
    await engine.dispose();
  }
}
