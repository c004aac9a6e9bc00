import type { OptimizerConfig } from '../../runtime/engine';
import { splitAt } from '../../runtime/model/cut';
import { outputShapeOf } from '../../runtime/model/graph';
import { buildResNet, defaultStem } from '../../runtime/model/resnet';
import type { TrainConfig } from '../coordinator/config';
import { addressOf } from './serve';
import { isLoopback } from '../http/visitor';
import { defaultEpochs, type TrainOptions } from './train-options';
import { UsageError } from './usage-error';

/** Pictures' side where none was asked for. */
export function imageSizeOf({ imageSize, model }: TrainOptions): number {
  return imageSize ?? (model === 'resnet20' ? 32 : 224);
}

/**
 * Checks what can be checked before any picture is read.
 * @throws UsageError, CutError or ShapeError
 */
export function checkOptions(options: TrainOptions): void {
  const { batch, microBatch, epochs, steps, model, cut, headlessWorker, waitFor } = options;
  if (batch % microBatch !== 0) {
    const below = Math.max(microBatch, batch - (batch % microBatch));
    throw new UsageError(
      `--batch ${batch} is not divisible by --micro-batch ${microBatch}; take for example --batch ${below}`,
    );
  }
  if (epochs !== undefined && steps !== undefined) {
    throw new UsageError('--epochs and --steps exclude each other; give one of them');
  }
  if (options.newHead && options.weights === undefined) {
    throw new UsageError('--new-head needs --weights; without them everything is new already');
  }
  if (options.nesterov && options.momentum === 0) {
    throw new UsageError('--nesterov needs a --momentum above 0');
  }
  if (headlessWorker !== undefined && !isOpenHere(addressOf(listenOf(options)))) {
    throw new UsageError(
      `--headless-worker has WebGPU at localhost alone, and --listen ${listenOf(options)} is not: leave --listen out, or give it all`,
    );
  }
  const network = buildResNet({
    architecture: model,
    numClasses: 2,
    stem: options.stem ?? defaultStem(model),
  });
  const size = imageSizeOf(options);
  outputShapeOf(network.units, [3, size, size]);
  if (cut === 'auto') return;
  const numWorkers = splitAt(network, cut).length - 1;
  const expected = Math.max(waitFor, headlessWorker === true ? 1 : (headlessWorker ?? 0));
  if (expected > 0 && numWorkers === 0) {
    throw new UsageError(
      '--cut none keeps everything on this computer: drop --wait-for and --headless-worker, or name a unit to cut at',
    );
  }
}

/** Where to listen: for phones, unless the workers that were asked for are on this computer. */
export function listenOf({ listen, headlessWorker, waitFor }: TrainOptions): string {
  if (listen !== undefined) return listen;
  return headlessWorker !== undefined && waitFor === 0 ? 'localhost' : 'all';
}

/** Whether a browser on this computer reaches the server as localhost. */
function isOpenHere(address: string): boolean {
  return isLoopback(address) || address === '0.0.0.0' || address === '::';
}

/** All that fixes the run, once the classes and the number of pictures are known. */
export function trainConfig(
  options: TrainOptions,
  numClasses: number,
  stepsPerEpoch: number,
): TrainConfig {
  const { model, batch } = options;
  const epochs = options.steps === undefined ? (options.epochs ?? defaultEpochs) : null;
  const steps = options.steps ?? stepsPerEpoch * (epochs ?? 0);
  const rate = options.optimizer === 'adamw' ? 0.001 : (0.1 * batch) / 256;
  return {
    model: { architecture: model, numClasses, stem: options.stem ?? defaultStem(model) },
    imageSize: imageSizeOf(options),
    batchSize: batch,
    microBatchSize: options.microBatch,
    steps,
    epochs,
    optimizer: optimizerConfig(options),
    learningRate: {
      schedule: options.lrSchedule,
      peak: options.lr ?? rate,
      warmupSteps: options.warmupSteps ?? Math.floor(steps / 20),
    },
    labelSmoothing: options.labelSmoothing,
    schedule: options.schedule === 'auto' ? '1f1b' : options.schedule,
    recompute: options.recompute,
    precision: options.precision,
    cut: options.cut,
    seed: options.seed,
  };
}

function optimizerConfig(options: TrainOptions): OptimizerConfig {
  if (options.optimizer === 'adamw') {
    const weightDecay = options.weightDecay ?? 0.01;
    return { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay };
  }
  const { momentum, nesterov, weightDecay = 1e-4 } = options;
  return { kind: 'sgd', momentum, nesterov, weightDecay };
}
