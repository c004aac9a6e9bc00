import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { modelSchema, optimizerSchema } from '../../runtime/config-schemas';
import { precisions } from '../../runtime/engine';
import { buildResNet } from '../../runtime/model/resnet';
import { stateShapesOf } from '../../runtime/pipeline/stage-state';
import { scheduleNames } from '../../runtime/schedule/schedule';
import { optimizerPath, type Checkpoint } from '../checkpoint/checkpoint';
import { CheckpointError } from '../checkpoint/error';
import { loadCheckpoint } from '../checkpoint/load-checkpoint';
import type { TrainConfig } from './config';
import { recomputeChoices } from './fit';
import type { EvaluationRecord, Records, StepRecord } from './records';

/** A run can't be gone on with: its folder lacks something, or the pictures are others. */
export class ResumeError extends Error {
  override readonly name = 'ResumeError';
}

/** What a run was started with that its config doesn't have. */
export interface RunFacts {
  readonly classes: readonly string[];
  /** The folder, or `shapes`. */
  readonly data: string;
  readonly pictures: { readonly training: number; readonly validation: number };
}

/** A run as its folder has it. */
export interface SavedRun {
  readonly config: TrainConfig;
  readonly facts: RunFacts;
  /** The newest one. */
  readonly checkpoint: Checkpoint;
  /** Up to the checkpoint's step; what came after it is to be done again. */
  readonly records: Records;
}

const number = v.number();
const count = v.pipe(number, v.integer(), v.minValue(0));

const runFile = v.object({
  classes: v.array(v.string()),
  data: v.string(),
  pictures: v.object({ training: count, validation: count }),
  config: v.object({
    model: modelSchema,
    imageSize: count,
    batchSize: count,
    microBatchSize: count,
    steps: count,
    epochs: v.nullable(count),
    optimizer: optimizerSchema,
    learningRate: v.object({
      schedule: v.picklist(['constant', 'cosine']),
      peak: number,
      warmupSteps: count,
    }),
    labelSmoothing: number,
    schedule: v.picklist(scheduleNames),
    recompute: v.picklist(recomputeChoices),
    precision: v.picklist(precisions),
    cut: v.union([v.literal('auto'), v.array(v.string())]),
    seed: count,
  }),
});

/**
 * Reads a run's folder.
 * @throws ResumeError when it holds no run, or none with a checkpoint, or the newest is damaged
 */
export async function readSavedRun(path: string): Promise<SavedRun> {
  const { config, ...facts } = await readRunFile(join(path, 'run.json'));
  const checkpoint = await newestCheckpoint(join(path, 'checkpoints'), config);
  const records = await readRecords(join(path, 'metrics.jsonl'), checkpoint.step);
  return { config, facts, checkpoint, records };
}

async function readRunFile(path: string): Promise<v.InferOutput<typeof runFile>> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ResumeError(`${path}: expected the file of a run (${why}); give --run its folder`);
  }
  const result = v.safeParse(runFile, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ResumeError(
    `${path}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}; it was changed, or is another version's`,
  );
}

async function newestCheckpoint(folder: string, config: TrainConfig): Promise<Checkpoint> {
  const names = await readdir(folder).catch((): string[] => []);
  const steps = names.flatMap((name) => {
    const step = /^step-(\d+)\.safetensors$/.exec(name)?.[1];
    return step === undefined ? [] : [{ name, step: Number(step) }];
  });
  const newest = steps.reduce<(typeof steps)[number] | undefined>(
    (best, one) => (best && best.step > one.step ? best : one),
    undefined,
  );
  if (!newest) {
    throw new ResumeError(
      `${folder}: expected a checkpoint to go on from, got none; start the run anew in another folder`,
    );
  }
  const path = join(folder, newest.name);
  try {
    const checkpoint = await loadCheckpoint(path);
    expectOptimizerState(path, checkpoint, config);
    return checkpoint;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new ResumeError(
      `${error.message}; or remove ${path} to go on from the checkpoint before`,
      { cause: error },
    );
  }
}

/** An optimizer that began anew would make another run of it, and nothing would tell. */
function expectOptimizerState(
  path: string,
  { step, state }: Checkpoint,
  config: TrainConfig,
): void {
  const { units } = buildResNet(config.model);
  const names = stateShapesOf({ units, optimizer: config.optimizer }).keys();
  const missing = [...names].find((name) => !state.has(name));
  // Before the first step there is none.
  if (missing === undefined || step === 0) return;
  throw new CheckpointError(
    `${optimizerPath(path)}: expected the optimizer's state of step ${step}, got none for '${missing}'; put the file back`,
  );
}

/** The lines up to a step; the last one may be cut off, where the power went in mid-line. */
async function readRecords(path: string, step: number): Promise<Records> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const steps: StepRecord[] = [];
  const evaluations: EvaluationRecord[] = [];
  for (const line of text.split('\n')) {
    const record = parseLine(line);
    if (!record || record.step > step) continue;
    if ('count' in record) evaluations.push(record);
    else steps.push(record);
  }
  return { steps, evaluations };
}

function parseLine(line: string): StepRecord | EvaluationRecord | undefined {
  try {
    return JSON.parse(line) as StepRecord | EvaluationRecord;
  } catch {
    return undefined;
  }
}
