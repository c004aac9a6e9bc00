import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet } from '../../runtime/model/resnet';
import { stateShapesOf } from '../../runtime/pipeline/stage-state';
import { zeros } from '../../runtime/tensor';
import { saveCheckpoint } from '../checkpoint/save-checkpoint';
import type { TrainConfig } from './config';
import type { StepRecord } from './records';
import { RunFolder } from './run-folder';
import { readSavedRun, ResumeError } from './saved-run';

const config: TrainConfig = {
  model: { architecture: 'resnet20', numClasses: 2, stem: 'cifar' },
  imageSize: 32,
  batchSize: 8,
  microBatchSize: 4,
  steps: 9,
  epochs: 3,
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
  learningRate: { schedule: 'cosine', peak: 1 / 3, warmupSteps: 1 },
  labelSmoothing: 0.1,
  schedule: '1f1b',
  recompute: 'auto',
  precision: 'f32',
  cut: ['layer2.1'],
  seed: 7,
};
const facts = { classes: ['a', 'b'], data: 'shapes', pictures: { training: 24, validation: 5 } };

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-saved-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function stepRecord(step: number): StepRecord {
  const numbers = { loss: 1 / step, accuracy: 0.5, learningRate: 0.1, ms: 3, imagesPerSecond: 2 };
  return { step, epoch: Math.ceil(step / 3), ...numbers, computeMs: [1], cut: [] };
}

/** A run with checkpoints after these steps, and ten steps and two evaluations recorded. */
async function savedRun(...checkpoints: readonly number[]): Promise<RunFolder> {
  const folder = await RunFolder.create(await emptyFolder(), config, facts);
  for (let step = 1; step <= 10; step++) {
    folder.record(stepRecord(step));
    if (step % 3 === 0) folder.record({ step, epoch: step / 3, loss: 2, accuracy: 0.1, count: 5 });
  }
  await folder.flush();
  const { units } = buildResNet(config.model);
  const zero = [...stateShapesOf({ units, optimizer: config.optimizer })].map(
    ([name, shape]) => [name, zeros(shape)] as const,
  );
  const state = new Map([...zero, ...initialize(units, config.seed)]);
  for (const step of checkpoints) {
    const metadata = {};
    const numBatchesTracked = 2 * step;
    await saveCheckpoint(folder.checkpoints, {
      ...{ model: config.model, state, step, numBatchesTracked, metadata },
    });
  }
  return folder;
}

test('the newest checkpoint, and what was reported up to it', async () => {
  const { path } = await savedRun(3, 6);
  await appendFile(join(path, 'metrics.jsonl'), '{"step":5,"lo');
  const run = await readSavedRun(path);
  expect(run.config).toEqual(config);
  expect(run.facts).toEqual(facts);
  expect([run.checkpoint.step, run.checkpoint.numBatchesTracked]).toEqual([6, 12]);
  expect(run.records.steps).toEqual([1, 2, 3, 4, 5, 6].map(stepRecord));
  expect(run.records.evaluations.map(({ step }) => step)).toEqual([3, 6]);

  const folder = await RunFolder.reopen(path, run.records);
  folder.record(stepRecord(7));
  await folder.flush();
  const lines = (await readFile(join(path, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as StepRecord).step)).toEqual([
    1, 2, 3, 3, 4, 5, 6, 6, 7,
  ]);
});

test('a checkpoint without what the optimizer had learnt is refused', async () => {
  const { path } = await savedRun(3, 6);
  const optimizer = join(path, 'checkpoints', 'step-000006.optimizer.safetensors');
  await rm(optimizer);
  await expect(readSavedRun(path)).rejects.toThrow(ResumeError);
  await expect(readSavedRun(path)).rejects.toThrow(
    `${optimizer}: expected the optimizer's state of step 6, got none for 'optimizer.exp_avg.conv1.weight'; put the file back; or remove ${join(path, 'checkpoints', 'step-000006.safetensors')} to go on from the checkpoint before`,
  );
});

test('a folder that can not be gone on with says why', async () => {
  const nothing = await emptyFolder();
  await expect(readSavedRun(nothing)).rejects.toThrow(ResumeError);
  await expect(readSavedRun(nothing)).rejects.toThrow(/run\.json: expected the file of a run \(/);

  const early = await savedRun();
  await expect(readSavedRun(early.path)).rejects.toThrow(
    /expected a checkpoint to go on from, got none; start the run anew/,
  );

  const changed = await savedRun(3);
  const file = join(changed.path, 'run.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"cosine"', '"sine"'));
  await expect(readSavedRun(changed.path)).rejects.toThrow(
    /run\.json: config\.learningRate\.schedule/,
  );
});
