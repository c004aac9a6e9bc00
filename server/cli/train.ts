import type { LinkFacts } from '../../runtime/link/control';
import { describeTransport } from '../../runtime/link/description';
import type { StageEngine, StageSpec } from '../../runtime/engine';
import { defaultCut } from '../../runtime/model/cut';
import { planStage } from '../../runtime/pipeline/assignment';
import { LocalStage } from '../../runtime/pipeline/stage';
import type { TrainConfig } from '../coordinator/config';
import { planPipeline } from '../coordinator/plan';
import { Trainer } from '../coordinator/trainer';
import { chooseEngine } from '../engine/choose-engine';
import type { HostServer } from '../http/server';
import type { WorkerPool } from '../link/worker-pool';
import { Invitation } from './invitation';
import { printJson, say } from './output';
import { HeadlessPhones, phonesAskedFor } from './phones';
import { startRun, type RunStart } from './run-start';
import { serve } from './serve';
import { stopOnSignal } from './stop-on-signal';
import { listenOf } from './train-config';
import { trainEvents } from './train-events';
import type { TrainOptions } from './train-options';
import { TrainProgress } from './train-progress';
import {
  summary,
  TrainingFailedError,
  trainResult,
  type LinkRecord,
  type TrainResult,
} from './train-result';

/**
 * `tandem train`: opens the data, serves the worker page, runs the training to its end.
 * @param given the options that stood on the command line
 * @throws TrainingFailedError once the run has a folder
 */
export async function train(options: TrainOptions, given: ReadonlySet<string>): Promise<void> {
  const started = Date.now();
  const closings: Closings = [];
  try {
    const run = await startRun(options, given, say);
    closings.push(() => run.data.close());
    const server = await serve({ ...options, listen: listenOf(options) });
    closings.push(() => server.close());
    server.links.choice = options.transport;
    const engine = await chooseEngine(options, hostStageSpec(run.config), say);
    closings.push(() => engine.dispose());
    const result = await runToEnd(options, run, { server, engine, closings });
    say(summary(result, Date.now() - started));
    if (options.json) printJson(result);
  } finally {
    for (const close of closings.reverse()) await close();
  }
}

/** What is to be done at the end, last to first. */
type Closings = (() => Promise<void>)[];

/** What a run computes with. */
interface Equipment {
  readonly server: HostServer;
  readonly engine: StageEngine;
  readonly closings: Closings;
}

async function runToEnd(
  options: TrainOptions,
  { config, data, start, trackedBatches, records, openFolder }: RunStart,
  { server, engine, closings }: Equipment,
): Promise<TrainResult> {
  const folder = await openFolder();
  announce(config);
  const progress = new TrainProgress(config, start.step);
  const notice = (text: string): void => progress.notice(text);
  const { pool } = server;
  const links = tellOfWorkers(pool, config, notice);
  const invitation = new Invitation(server, notice);
  invitation.show();
  let interrupt: (error: Error) => void = () => undefined;
  const workersFailed = new Promise<never>((_resolve, reject) => (interrupt = reject));
  workersFailed.catch(() => undefined);
  const { classes } = data;
  const numPhones = phonesAskedFor(options);
  const trainer = new Trainer({
    config,
    data,
    hostStage: new LocalStage(engine),
    pool,
    start,
    evaluatedStep: records.evaluations.at(-1)?.step ?? 0,
    events: trainEvents({ config, classes, trackedBatches, folder, progress, records }),
    waitFor: Math.max(options.waitFor, numPhones),
    workersFailed,
  });
  const stopListening = stopOnSignal(trainer, interrupt, notice);
  const phones = new HeadlessPhones(server, notice, interrupt);
  closings.push(() => phones.close());
  let farewell = 'The run failed; the computer says why.';
  try {
    await phones.start(numPhones);
    const outcome = await trainer.run();
    farewell = 'The run is over.';
    return trainResult(outcome, records, links, config, folder.path, pool.bytes);
  } catch (error) {
    const isGone = await folder.removeUnused();
    throw new TrainingFailedError(error, records, isGone ? null : folder.path);
  } finally {
    pool.onGone = () => undefined;
    invitation.stop();
    progress.stop();
    stopListening();
    phones.retire();
    for (const worker of pool.workers) worker.finish(farewell);
  }
}

/** Tells of workers that come and go; the list of those that came, which grows. */
function tellOfWorkers(
  pool: WorkerPool,
  config: TrainConfig,
  notice: (text: string) => void,
): readonly LinkRecord[] {
  const links: LinkRecord[] = [];
  pool.onJoin = (worker) => {
    links.push({ worker: worker.id, device: worker.device, ...worker.transport });
    notice(`Worker ${worker.id} joined: ${worker.device}${wayOf(worker.transport)}`);
    worker.idle(whyIdle(config));
  };
  pool.onGone = (_worker, { message, hadStage }) => {
    // The run tells of those that had a part in it.
    if (!hadStage) notice(message);
  };
  return links;
}

function announce(config: TrainConfig): void {
  const { model, batchSize, microBatchSize, steps, epochs, schedule } = config;
  const length =
    epochs === null
      ? `${steps} steps`
      : `${steps} steps (${epochs} ${epochs === 1 ? 'epoch' : 'epochs'})`;
  say(
    `${model.architecture}, ${model.numClasses} classes, batch ${batchSize} as ${batchSize / microBatchSize} x ${microBatchSize}, ${length}, schedule ${schedule}`,
  );
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
