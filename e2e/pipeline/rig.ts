import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import type { StageEngine } from '../../runtime/engine';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet } from '../../runtime/model/resnet';
import { LocalStage } from '../../runtime/pipeline/stage';
import { Random } from '../../runtime/random';
import { joinHost } from '../../runtime/worker/join-host';
import type { NamedTensors } from '../../runtime/tensor';
import { PipelineWorker } from '../../runtime/worker/worker';
import type { TrainConfig } from '../../server/coordinator/config';
import type { MicroBatch } from '../../server/coordinator/pipeline';
import type { Snapshot } from '../../server/coordinator/snapshots';
import type {
  EvaluationRecord,
  StageRecord,
  StepRecord,
  TrainOutcome,
} from '../../server/coordinator/records';
import { Trainer } from '../../server/coordinator/trainer';
import type { TrainingData } from '../../server/coordinator/training-data';
import { startServer, type HostServer } from '../../server/http/server';
import { nodePlatform } from '../../server/link/node-platform';
import type { WorkerPool } from '../../server/link/worker-pool';

/** A small run: ResNet-20 on 16x16 noise in 4 classes, batch 8 as 4 x 2. */
export const smallRun: TrainConfig = {
  model: { architecture: 'resnet20', numClasses: 4, stem: 'cifar' },
  imageSize: 16,
  batchSize: 8,
  microBatchSize: 2,
  steps: 5,
  epochs: null,
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
  learningRate: { schedule: 'constant', peak: 0.01, warmupSteps: 0 },
  labelSmoothing: 0,
  schedule: '1f1b',
  recompute: 'auto',
  precision: 'f32',
  cut: [],
  seed: 3,
};

/** Pictures that depend on the step alone: class means in noise, so that there is something to learn. */
export function noiseData(config: TrainConfig, stepsPerEpoch = 1000): TrainingData {
  const { imageSize, microBatchSize, batchSize, model, seed } = config;
  const shape = [microBatchSize, 3, imageSize, imageSize];
  const microBatch = (...key: (string | number)[]): MicroBatch => {
    const random = new Random(seed, ...key);
    const labels = Int32Array.from({ length: microBatchSize }, () =>
      random.integer(model.numClasses),
    );
    const pixels = 3 * imageSize * imageSize;
    const data = Float32Array.from(
      { length: microBatchSize * pixels },
      (_, index) => random.normal() + (labels[Math.floor(index / pixels)] ?? 0) / 2,
    );
    return { input: { shape, data }, labels };
  };
  return {
    classes: Array.from({ length: model.numClasses }, (_, index) => `class ${index}`),
    stepsPerEpoch,
    validationCount: 2 * microBatchSize - 1,
    batch: (step) =>
      Promise.resolve(
        Array.from({ length: batchSize / microBatchSize }, (_, index) =>
          microBatch('train', step, index),
        ),
      ),
    async *validation() {
      for (const [index, count] of [microBatchSize, microBatchSize - 1].entries()) {
        yield await Promise.resolve({ ...microBatch('validation', index), count });
      }
    },
  };
}

/** The same pictures, last to first in each micro-batch: the same sums in another order. */
export function reversedData(data: TrainingData): TrainingData {
  return {
    ...data,
    batch: async (step) =>
      (await data.batch(step)).map(({ input, labels }) => {
        const pixels = input.data.length / labels.length;
        const pictures = Array.from(labels, (_, index) =>
          input.data.subarray(index * pixels, (index + 1) * pixels),
        );
        const reversed = new Float32Array(input.data.length);
        pictures.reverse().forEach((picture, index) => {
          reversed.set(picture, index * pixels);
        });
        return { input: { shape: input.shape, data: reversed }, labels: labels.toReversed() };
      }),
  };
}

/** A worker in this process, joined over a real WebSocket. */
export interface JoinedWorker {
  readonly worker: PipelineWorker;
  /** Cuts the connection as a pulled cable does. */
  cut(): void;
}

/** Joins a run, again with the `worker` that was there before where one is given. */
export async function joinWorker(
  url: string,
  engine: StageEngine,
  former?: PipelineWorker,
): Promise<JoinedWorker> {
  const worker =
    former ??
    new PipelineWorker({
      engine,
      agent: 'test',
      instance: randomUUID(),
      onStatus: () => undefined,
    });
  const sockets: WebSocket[] = [];
  const platform = nodePlatform();
  await new Promise<void>((resolve, reject) => {
    joinHost(
      new URL(url).origin,
      worker,
      {
        ...platform,
        webSocket: (address) => {
          const socket = new WebSocket(address, { perMessageDeflate: false });
          sockets.push(socket);
          return socket;
        },
      },
      { joined: resolve, lost: reject },
    );
  });
  return {
    worker,
    cut: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

/** What a run did. */
export interface RunReport {
  readonly losses: readonly number[];
  readonly steps: readonly StepRecord[];
  readonly evaluations: readonly EvaluationRecord[];
  readonly notices: readonly string[];
  readonly stages: readonly StageRecord[];
  /** The newest checkpoint. */
  readonly kept: Snapshot | undefined;
  readonly error: Error | undefined;
  /** Of a run that came to its end. */
  readonly outcome: TrainOutcome | undefined;
}

export interface RunRig {
  readonly config: TrainConfig;
  readonly hostEngine: StageEngine;
  readonly workerEngines?: readonly StageEngine[];
  /** Where workers join, left open at the end; without it one on loopback, for everybody. */
  readonly server?: HostServer;
  /** Called with the worker page's address before the run; the workers join by themselves. */
  readonly onServer?: (url: string, pool: WorkerPool) => Promise<void> | void;
  readonly data?: TrainingData;
  /** Workers that are to be there before the first step, their links measured; none where absent. */
  readonly waitFor?: number;
  /** Called before each checkpoint; throwing refuses it. */
  readonly onCheckpoint?: () => void;
  /** Called before the run begins. */
  readonly onTrainer?: (trainer: Trainer) => void;
  readonly onStep?: (record: StepRecord, workers: readonly JoinedWorker[]) => void;
}

/** Runs the trainer with these engines, the workers joined over loopback. */
export async function runTraining(rig: RunRig): Promise<RunReport> {
  const { config, hostEngine, workerEngines = [], onStep } = rig;
  const data = rig.data ?? noiseData(config);
  const server = rig.server ?? (await startServer('127.0.0.1', 0));
  // Workers join at once, without a second's measuring.
  server.links.choice = 'websocket';
  const steps: StepRecord[] = [];
  const evaluations: EvaluationRecord[] = [];
  const notices: string[] = [];
  let stages: readonly StageRecord[] = [];
  let kept: Snapshot | undefined;
  let error: Error | undefined;
  let outcome: TrainOutcome | undefined;
  try {
    const workers: JoinedWorker[] = [];
    for (const engine of workerEngines) workers.push(await joinWorker(server.url, engine));
    await rig.onServer?.(server.url, server.pool);
    const trainer = new Trainer({
      config,
      data,
      hostStage: new LocalStage(hostEngine),
      pool: server.pool,
      start: { step: 0, state: initialize(buildResNet(config.model).units, config.seed) },
      evaluatedStep: 0,
      waitFor: rig.waitFor ?? 0,
      workersFailed: new Promise(() => undefined),
      events: {
        notice: (text) => void notices.push(text),
        plan: (_cut, plan) => {
          stages = plan;
        },
        step: (record) => {
          steps.push(record);
          onStep?.(record, workers);
        },
        evaluation: (record) => void evaluations.push(record),
        checkpoint: (snapshot) =>
          Promise.resolve().then(() => {
            rig.onCheckpoint?.();
            kept = snapshot;
            return 'the checkpoint';
          }),
      },
    });
    rig.onTrainer?.(trainer);
    outcome = await trainer.run();
  } catch (caught) {
    if (!(caught instanceof Error)) throw caught;
    error = caught;
  } finally {
    if (!rig.server) await server.close();
  }
  const losses = steps.map(({ loss }) => loss);
  return { losses, steps, evaluations, notices, stages, kept, error, outcome };
}

/** Names of the tensors that differ in any bit. */
export function differences(a: NamedTensors | undefined, b: NamedTensors | undefined): string[] {
  const names = new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])]);
  return [...names].filter((name) => {
    const left = a?.get(name)?.data;
    const right = b?.get(name)?.data;
    if (!left || !right || left.length !== right.length) return true;
    return left.some((value, index) => !Object.is(value, right[index]));
  });
}
