import type { LinkFacts } from '../../runtime/link/control';
import { describeTransport } from '../../runtime/link/description';
import type { StageSpec } from '../../runtime/engine';
import { defaultCut } from '../../runtime/model/cut';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet } from '../../runtime/model/resnet';
import { planStage } from '../../runtime/pipeline/assignment';
import { LocalStage } from '../../runtime/pipeline/stage';
import { loadWeights } from '../checkpoint/load-weights';
import type { TrainConfig } from '../coordinator/config';
import { planPipeline } from '../coordinator/plan';
import { newRunPath, RunFolder } from '../coordinator/run-folder';
import type { Snapshot } from '../coordinator/snapshots';
import type { TrainOutcome } from '../coordinator/records';
import { Trainer } from '../coordinator/trainer';
import { openTrainingData } from '../data/training-data';
import { chooseEngine } from '../engine/choose-engine';
import type { HeadlessWorker } from '../headless/headless-worker';
import { isLoopback, type HostServer } from '../http/server';
import { phonesAskedFor, startPhones } from './phones';
import { serve } from './serve';
import { stopOnSignal } from './stop-on-signal';
import { checkOptions, imageSizeOf, trainConfig } from './train-config';
import { trainEvents } from './train-events';
import type { TrainOptions } from './train-options';
import { TrainProgress } from './train-progress';
import { summary, trainResult, type Records } from './train-result';

/** `tandem train`: opens the data, serves the worker page, runs the training to its end. */
export async function train(options: TrainOptions): Promise<void> {
  checkOptions(options);
  const started = Date.now();
  const data = await openTrainingData({
    folder: options.data,
    imageSize: imageSizeOf(options),
    batchSize: options.batch,
    microBatchSize: options.microBatch,
    seed: options.seed,
    onNotice: say,
  });
  const config = trainConfig(options, data.classes.length, data.stepsPerEpoch);
  const { start, trackedBatches } = await initialState(options, config);
  const server = await serve(options);
  server.links.choice = options.transport;
  const engine = await chooseEngine(options, hostStageSpec(config), say).catch(
    async (error: unknown) => {
      await server.close();
      await data.close();
      throw error;
    },
  );
  const phones: HeadlessWorker[] = [];
  try {
    const run = options.run ?? (await newRunPath(config.model.architecture, new Date()));
    const folder = await RunFolder.create(run, config, { classes: data.classes });
    announce(options, config, server);
    const progress = new TrainProgress(config, start.step);
    const records: Records = { steps: [], evaluations: [], links: [] };
    const notice = (text: string): void => progress.notice(text);
    server.pool.onJoin = (worker) => {
      records.links.push({ worker: worker.id, device: worker.device, ...worker.transport });
      notice(`Worker ${worker.id} joined: ${worker.device}${wayOf(worker.transport)}`);
      worker.idle(whyIdle(config));
    };
    server.pool.onGone = (_worker, { message, hadStage }) => {
      // The run tells of those that had a part in it.
      if (!hadStage) notice(message);
    };
    let interrupt: (error: Error) => void = () => undefined;
    const workersFailed = new Promise<never>((_resolve, reject) => (interrupt = reject));
    workersFailed.catch(() => undefined);
    const { classes } = data;
    const events = trainEvents({ config, classes, trackedBatches, folder, progress, records });
    const hostStage = new LocalStage(engine);
    const pool = server.pool;
    const numPhones = phonesAskedFor(options);
    const waitFor = Math.max(options.waitFor, numPhones);
    const trainer = new Trainer({
      config,
      data,
      hostStage,
      pool,
      start,
      events,
      waitFor,
      workersFailed,
    });
    const stopListening = stopOnSignal(trainer, interrupt, notice);
    let outcome: TrainOutcome;
    let farewell = 'The run failed; the computer says why.';
    try {
      await startPhones(numPhones, server.url, phones, interrupt, notice);
      outcome = await trainer.run();
      farewell = 'The run is over.';
    } finally {
      pool.onGone = () => undefined;
      progress.stop();
      stopListening();
      for (const worker of pool.workers) worker.finish(farewell);
      await folder.removeUnused();
    }
    await folder.flush();
    const result = trainResult(outcome, records, config, run, pool.bytes);
    say(summary(result, Date.now() - started));
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    await Promise.all(phones.map((phone) => phone.close()));
    await engine.dispose();
    await server.close();
    await data.close();
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function initialState(
  { weights, newHead, seed }: TrainOptions,
  config: TrainConfig,
): Promise<{ start: Snapshot; trackedBatches: number }> {
  const model = buildResNet(config.model);
  const fresh = initialize(model.units, seed);
  if (weights === undefined) return { start: { step: 0, state: fresh }, trackedBatches: 0 };
  const loaded = await loadWeights(weights, model, { replaceHead: newHead });
  say(`Weights from ${weights}${newHead ? ', with a fresh classifier' : ''}.`);
  return {
    start: { step: 0, state: new Map([...fresh, ...loaded.state]) },
    trackedBatches: loaded.numBatchesTracked,
  };
}

function announce({ listen }: TrainOptions, config: TrainConfig, server: HostServer): void {
  const { model, batchSize, microBatchSize, steps, epochs, schedule } = config;
  const length =
    epochs === null
      ? `${steps} steps`
      : `${steps} steps (${epochs} ${epochs === 1 ? 'epoch' : 'epochs'})`;
  say(
    `${model.architecture}, ${model.numClasses} classes, batch ${batchSize} as ${batchSize / microBatchSize} x ${microBatchSize}, ${length}, schedule ${schedule}`,
  );
  say(`Worker page: ${server.url}`);
  for (const url of server.networkUrls) say(`  from other devices: ${url}`);
  if (isLoopback(listen)) {
    say(
      '  It listens on this computer alone: a browser here can join, a phone can not. --listen 0.0.0.0 opens it to the network.',
    );
  } else {
    say(
      '  Anyone who can reach this address can join and sees the network and its activations: there is no pairing yet. Phones also need https for WebGPU.',
    );
  }
}

/** The stage that this computer has first, to measure engines on. */
function hostStageSpec(config: TrainConfig): StageSpec {
  const cut = config.cut === 'auto' ? defaultCut(config.model.architecture) : config.cut;
  const [assignment] = planPipeline(config, cut).assignments;
  if (!assignment) throw new Error('expected a plan of one stage or more, got none');
  return planStage(assignment).spec;
}

function wayOf(transport: LinkFacts | undefined): string {
  return transport ? `, over ${describeTransport(transport)}` : '';
}

function whyIdle({ cut }: TrainConfig): string {
  if (cut === 'auto') return 'The computer is training; this device takes its part soon.';
  if (cut.length === 0) return 'This run keeps everything on the computer (--cut none).';
  return 'Joined. The run has what it needs, or still waits for other devices.';
}
