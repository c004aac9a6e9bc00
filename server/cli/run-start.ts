import { resolve } from 'node:path';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet } from '../../runtime/model/resnet';
import { loadWeights } from '../checkpoint/load-weights';
import type { TrainConfig } from '../coordinator/config';
import type { Records } from '../coordinator/records';
import { newRunPath, RunFolder } from '../coordinator/run-folder';
import { readSavedRun, ResumeError, type RunFacts } from '../coordinator/saved-run';
import type { Snapshot } from '../coordinator/snapshots';
import type { DataLoader } from '../data/loader';
import { openTrainingData } from '../data/training-data';
import { checkOptions, imageSizeOf, trainConfig } from './train-config';
import { resumedOptions } from './resume-options';
import type { TrainOptions } from './train-options';
import { UsageError } from './usage-error';

/** All that a run begins with, be it new or gone on with. */
export interface RunStart {
  readonly config: TrainConfig;
  readonly data: DataLoader;
  readonly start: Snapshot;
  /** Micro-batches that the running statistics had seen before the run's first step. */
  readonly trackedBatches: number;
  /** What a run that is gone on with had reported. */
  readonly records: Records;
  /** Makes the folder, or opens it again. */
  readonly openFolder: () => Promise<RunFolder>;
}

/**
 * Opens the data and the weights of a run, or of the one in `--run` for `--resume`.
 * @param given the options that stood on the command line
 * @throws UsageError, ResumeError, DatasetError, CheckpointError
 */
export function startRun(
  options: TrainOptions,
  given: ReadonlySet<string>,
  say: (text: string) => void,
): Promise<RunStart> {
  return options.resume ? resumeRun(options, given, say) : newRun(options, say);
}

async function newRun(options: TrainOptions, say: (text: string) => void): Promise<RunStart> {
  checkOptions(options);
  const data = await openData(options, say);
  const config = trainConfig(options, data.classes.length, data.stepsPerEpoch);
  const { start, trackedBatches } = await initialState(options, config, say);
  const facts = factsOf(options, data);
  return {
    config,
    data,
    start,
    trackedBatches,
    records: { steps: [], evaluations: [] },
    openFolder: async () => {
      const path = options.run ?? (await newRunPath(config.model.architecture, new Date()));
      return RunFolder.create(path, config, facts);
    },
  };
}

async function resumeRun(
  options: TrainOptions,
  given: ReadonlySet<string>,
  say: (text: string) => void,
): Promise<RunStart> {
  const { run } = options;
  if (run === undefined) throw new UsageError('--resume needs --run, the folder of the run');
  const { config: saved, facts, checkpoint, records } = await readSavedRun(run);
  const merged = resumedOptions(options, given, saved, facts);
  checkOptions(merged);
  const data = await openData(merged, say);
  expectSamePictures(run, facts, factsOf(merged, data));
  const { cut, recompute, precision, schedule } = merged;
  const config = { ...saved, cut, recompute, precision, ...(schedule !== 'auto' && { schedule }) };
  const { step, state, numBatchesTracked } = checkpoint;
  say(`Going on with ${run} after step ${step} of ${config.steps}.`);
  return {
    config,
    data,
    start: { step, state },
    trackedBatches: numBatchesTracked - (step * config.batchSize) / config.microBatchSize,
    records,
    openFolder: () => RunFolder.reopen(run, records),
  };
}

function openData(options: TrainOptions, say: (text: string) => void): Promise<DataLoader> {
  return openTrainingData({
    folder: options.data,
    imageSize: imageSizeOf(options),
    batchSize: options.batch,
    microBatchSize: options.microBatch,
    seed: options.seed,
    onNotice: say,
  });
}

function factsOf({ data: folder }: TrainOptions, data: DataLoader): RunFacts {
  const { classes, trainingCount, validationCount } = data;
  return {
    classes,
    data: folder === 'shapes' ? folder : resolve(folder),
    pictures: { training: trainingCount, validation: validationCount },
  };
}

/** Other pictures would be another run: its order and its labels hang on them. */
function expectSamePictures(run: string, saved: RunFacts, found: RunFacts): void {
  const differs = ([a, b]: readonly [unknown, unknown]): boolean =>
    JSON.stringify(a) !== JSON.stringify(b);
  const different = [
    ['classes', saved.classes, found.classes] as const,
    ['pictures to train with', saved.pictures.training, found.pictures.training] as const,
    ['pictures to validate with', saved.pictures.validation, found.pictures.validation] as const,
  ].find(([, was, is]) => differs([was, is]));
  if (!different) return;
  const [what, was, is] = different;
  throw new ResumeError(
    `${run} was started with other pictures than ${found.data} has: expected ${what} ${JSON.stringify(was)}, got ${JSON.stringify(is)}; give --data the folder as it was, or start a new run with --weights`,
  );
}

async function initialState(
  { weights, newHead, seed }: TrainOptions,
  config: TrainConfig,
  say: (text: string) => void,
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
