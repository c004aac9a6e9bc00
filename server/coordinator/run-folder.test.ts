import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FileError } from '../files/file-error';
import type { TrainConfig } from './config';
import { newRunPath, RunFolder, RunFolderError } from './run-folder';

const config: TrainConfig = {
  model: { architecture: 'resnet20', numClasses: 2, stem: 'cifar' },
  imageSize: 32,
  batchSize: 8,
  microBatchSize: 4,
  steps: 1,
  epochs: null,
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
  learningRate: { schedule: 'constant', peak: 0.1, warmupSteps: 0 },
  labelSmoothing: 0,
  schedule: '1f1b',
  recompute: 'auto',
  precision: 'f32',
  cut: [],
  seed: 0,
};

const facts = { classes: ['a', 'b'], data: 'shapes', pictures: { training: 8, validation: 2 } };

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-run-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('an empty folder takes a run, and no second one', async () => {
  const path = await emptyFolder();
  await RunFolder.create(path, config, facts);
  const text = await readFile(join(path, 'run.json'), 'utf8');
  expect(JSON.parse(text)).toEqual({ ...facts, config });
  const again = RunFolder.create(path, { ...config, seed: 1 }, facts);
  await expect(again).rejects.toThrow(`${path} already holds a run; give --run another folder`);
  expect(await readFile(join(path, 'run.json'), 'utf8')).toBe(text);
});

test('a folder with anything in it is left alone', async () => {
  const path = await emptyFolder();
  await writeFile(join(path, 'metrics.jsonl'), 'mine');
  await expect(RunFolder.create(path, config, facts)).rejects.toThrow(`${path} is not empty; give`);
  expect(await readdir(path)).toEqual(['metrics.jsonl']);
});

test('two runs that start at once do not share a folder', async () => {
  const path = await emptyFolder();
  const both = [0, 1].map(() => RunFolder.create(path, config, facts));
  const outcomes = await Promise.allSettled(both);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const lost = outcomes.find(({ status }) => status === 'rejected');
  expect(lost).toMatchObject({ reason: { name: 'RunFolderError' } });
});

test('a path through a file is one sentence with a remedy', async () => {
  const file = join(await emptyFolder(), 'file');
  await writeFile(file, '');
  for (const path of [file, join(file, 'run')]) {
    const create = RunFolder.create(path, config, facts);
    await expect(create).rejects.toThrow(RunFolderError);
    await expect(create).rejects.toThrow(/^cannot keep the run in .+; give --run a folder/);
  }
  await expect(newRunPath('resnet20', new Date(), file)).rejects.toThrow(RunFolderError);
});

test('runs of the same second are counted', async () => {
  const runs = join(await emptyFolder(), 'runs');
  const now = new Date('2026-11-21T10:30:00.500Z');
  const paths = await Promise.all([0, 1, 2].map(() => newRunPath('resnet20', now, runs)));
  const name = join(runs, '2026-11-21T10-30-00-resnet20');
  expect(paths.toSorted()).toEqual([name, `${name}-2`, `${name}-3`]);
});

test('a run that never began leaves nothing; one with a record or a checkpoint stays', async () => {
  const parent = await emptyFolder();
  const create = (name: string): Promise<RunFolder> =>
    RunFolder.create(join(parent, name), config, facts);
  await (await create('unused')).removeUnused();
  const recorded = await create('recorded');
  recorded.record({ epoch: 1, accuracy: 1, loss: 0, count: 1 } as never);
  await recorded.removeUnused();
  const saved = await create('saved');
  await mkdir(join(saved.checkpoints, 'step-1'));
  await saved.removeUnused();
  expect((await readdir(parent)).toSorted()).toEqual(['recorded', 'saved']);
  expect((await readdir(recorded.path)).toSorted()).toEqual([
    'checkpoints',
    'metrics.jsonl',
    'run.json',
  ]);
  expect((await readdir(saved.path)).toSorted()).toEqual(['checkpoints', 'run.json']);
});

// A name that leads to /dev/full: opening works, every write fails as on a full disk.
test.skipIf(!existsSync('/dev/full'))('a record on a full disk is one sentence, once', async () => {
  const folder = await RunFolder.create(await emptyFolder(), config, facts);
  const path = join(folder.path, 'metrics.jsonl');
  await symlink('/dev/full', path);
  const line = { step: 1, epoch: 1, accuracy: 1, loss: 0, count: 1 };
  folder.record(line);
  const flushed = folder.flush();
  await expect(flushed).rejects.toThrow(FileError);
  await expect(flushed).rejects.toThrow(`${path}: the disk is full: expected room for 53 bytes;`);
  // What comes after it, such as a checkpoint of what was learnt, is not refused for its sake.
  await rm(path);
  folder.record({ ...line, step: 2 });
  await folder.flush();
  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ step: 2 });
});

test('what a killed process left half written is cleared away', async () => {
  const folder = await RunFolder.create(await emptyFolder(), config, facts);
  const kept = join(folder.checkpoints, 'step-000001.safetensors');
  await writeFile(kept, '');
  await writeFile(`${kept}.partial`, '');
  await writeFile(join(folder.checkpoints, 'step-000002.optimizer.safetensors.partial'), '');
  await RunFolder.reopen(folder.path, { steps: [], evaluations: [] });
  expect(await readdir(folder.checkpoints)).toEqual(['step-000001.safetensors']);
});
