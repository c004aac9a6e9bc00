import type { LinkFacts } from '../../runtime/link/control';
import { describeTransport } from '../../runtime/link/description';
import type { StageSpec } from '../../runtime/engine';
import { defaultCut } from '../../runtime/model/cut';
import { planStage } from '../../runtime/pipeline/assignment';
import { LocalStage } from '../../runtime/pipeline/stage';
import type { TrainConfig } from '../coordinator/config';
import { planPipeline } from '../coordinator/plan';
import type { TrainOutcome } from '../coordinator/records';
import { Trainer } from '../coordinator/trainer';
import { chooseEngine } from '../engine/choose-engine';
import { Invitation } from './invitation';
import { HeadlessPhones, phonesAskedFor } from './phones';
import { startRun } from './run-start';
import { serve } from './serve';
import { stopOnSignal } from './stop-on-signal';
import { listenOf } from './train-config';
import { trainEvents } from './train-events';
import type { TrainOptions } from './train-options';
import { TrainProgress } from './train-progress';
import { summary, TrainingFailedError, trainResult, type LinkRecord } from './train-result';

/**
 * `tandem train`: opens the data, serves the worker page, runs the training to its end.
 * @param given the options that stood on the command line
 * @throws TrainingFailedError once the run has a folder
 */
export async function train(options: TrainOptions, given: ReadonlySet<string>): Promise<void> {
  const started = Date.now();
  const { config, data, start, trackedBatches, records, openFolder } = await startRun(
    options,
    given,
    say,
  );
  const server = await serve({ ...options, listen: listenOf(options) });
  server.links.choice = options.transport;
  const engine = await chooseEngine(options, hostStageSpec(config), say).catch(
    async (error: unknown) => {
      await server.close();
      await data.close();
      throw error;
    },
  );
  let phones: HeadlessPhones | undefined;
  try {
    const folder = await openFolder();
    announce(config);
    const progress = new TrainProgress(config, start.step);
    const links: LinkRecord[] = [];
    const notice = (text: string): void => progress.notice(text);
    const invitation = new Invitation(server, notice);
    invitation.show();
    server.pool.onJoin = (worker) => {
      links.push({ worker: worker.id, device: worker.device, ...worker.transport });
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
      evaluatedStep: records.evaluations.at(-1)?.step ?? 0,
      events,
      waitFor,
      workersFailed,
    });
    const stopListening = stopOnSignal(trainer, interrupt, notice);
    let outcome: TrainOutcome;
    let farewell = 'The run failed; the computer says why.';
    try {
      phones = new HeadlessPhones(server, notice, interrupt);
      await phones.start(numPhones);
      outcome = await trainer.run();
      await folder.flush();
      farewell = 'The run is over.';
    } catch (error) {
      const isGone = await folder.removeUnused();
      throw new TrainingFailedError(error, records, isGone ? null : folder.path);
    } finally {
      pool.onGone = () => undefined;
      invitation.stop();
      progress.stop();
      stopListening();
      for (const worker of pool.workers) worker.finish(farewell);
    }
    const result = trainResult(outcome, records, links, config, folder.path, pool.bytes);
    say(summary(result, Date.now() - started));
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    await phones?.close();
    await engine.dispose();
    await server.close();
    await data.close();
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
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
