import { expect, test } from 'vitest';
import { ReferenceEngine } from '../../runtime/reference/engine';
import { CheckpointError } from '../../server/checkpoint/error';
import type { TrainingData, ValidationBatch } from '../../server/coordinator/training-data';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import type { Trainer } from '../../server/coordinator/trainer';
import { differences, noiseData, runTraining, smallRun, type JoinedWorker } from './rig';

/* What ends a run before its time, and what is kept of it. */
const cpu = () => new OnnxEngine({ numThreads: 1 });

/** Evaluated after every fourth step. */
const config = { ...smallRun, steps: 20 };
const data = noiseData(config, 4);

test('a loss that is no number ends the run with the state before it', async () => {
  const poisoned: TrainingData = {
    ...data,
    batch: async (step) => {
      const batch = await data.batch(step);
      if (step === 6) batch[1]?.input.data.fill(Number.NaN);
      return batch;
    },
  };
  const before = await runTraining({ config: { ...config, steps: 5 }, data, hostEngine: cpu() });
  for (const cut of [[], ['layer2.1']]) {
    const run = await runTraining({
      config: { ...config, cut },
      data: poisoned,
      hostEngine: cpu(),
      workerEngines: cut.map(cpu),
    });
    expect(run.error?.message).toMatch(
      /^Step 6: the loss is NaN; .+ Step 5 of 20 was the last whole one; its state is in the checkpoint$/,
    );
    expect(run.kept?.step).toBe(5);
    expect(differences(run.kept?.state, before.kept?.state)).toEqual([]);
  }
});

test('validation pictures that can not be read end the run with its state, and no hang', async () => {
  const run = await runTraining({
    config: { ...config, cut: ['layer2.1'] },
    data: {
      ...data,
      async *validation() {
        yield await Promise.reject<ValidationBatch>(new Error('too many broken pictures'));
      },
    },
    hostEngine: cpu(),
    workerEngines: [cpu()],
  });
  expect(run.error?.message).toContain('Too many broken pictures. Step 4 of 20 was the last whole');
  expect(run.kept?.step).toBe(4);
});

test('pictures that can not be read, and a worker that goes with them: the last whole step is kept', async () => {
  const before = await runTraining({ config: { ...config, steps: 6 }, data, hostEngine: cpu() });
  let joined: readonly JoinedWorker[] = [];
  const run = await runTraining({
    config: { ...config, cut: ['layer2.1'] },
    data: {
      ...data,
      batch: async (step) => {
        if (step !== 7) return data.batch(step);
        for (const worker of joined) worker.cut();
        throw new Error('too many broken pictures');
      },
    },
    hostEngine: cpu(),
    workerEngines: [cpu()],
    onStep: (_, workers) => void (joined = workers),
  });
  expect(run.error?.message).toContain('Too many broken pictures. Step 6 of 20 was the last whole');
  expect(run.error?.cause).toMatchObject({ message: 'too many broken pictures' });
  expect(differences(run.kept?.state, before.kept?.state)).toEqual([]);
});

test('a checkpoint that can not be written ends the run at once, with its own sentence', async () => {
  let tries = 0;
  const run = await runTraining({
    config,
    data,
    hostEngine: cpu(),
    onCheckpoint: () => {
      tries++;
      throw new CheckpointError('the disk is full');
    },
  });
  expect(run.error?.message).toBe('the disk is full');
  expect([run.losses.length, tries]).toEqual([4, 1]);
});

test('where the state can not be kept either, both are told of', async () => {
  const run = await runTraining({
    config,
    data: {
      ...data,
      batch: (step) => (step < 3 ? data.batch(step) : Promise.reject(new Error('no picture'))),
    },
    hostEngine: cpu(),
    onCheckpoint: () => {
      throw new CheckpointError('the disk is full');
    },
  });
  expect(run.error?.message).toBe(
    'No picture. Step 2 of 20 was the last whole one; its state is lost: the disk is full',
  );
});

/** Never done with allocating, as a page whose GPU hangs; it says when it was asked. */
class StuckEngine extends ReferenceEngine {
  readonly #asked: () => void;

  constructor(asked: () => void) {
    super();
    this.#asked = asked;
  }

  override load(): Promise<void> {
    this.#asked();
    return new Promise(() => undefined);
  }
}

test('who stops the run waits for no worker that prepares: before the first step, and at an epoch’s end', async () => {
  let trainer: Trainer | undefined;
  const onTrainer = (made: Trainer): void => void (trainer = made);
  const fixed = await runTraining({
    config: { ...config, cut: ['layer2.1'] },
    data,
    hostEngine: cpu(),
    workerEngines: [new StuckEngine(() => trainer?.stop())],
    onTrainer,
  });
  expect(fixed.error?.message).toBe('stopped before the workers had their stages ready');

  const chosen = await runTraining({
    config: { ...config, cut: 'auto' },
    data,
    hostEngine: cpu(),
    workerEngines: [new StuckEngine(() => undefined)],
    onTrainer,
    // The epoch has four steps, and then waits.
    onStep: ({ step }) => {
      if (step === 4) setTimeout(() => trainer?.stop(), 500);
    },
  });
  expect(chosen.error).toBeUndefined();
  expect(chosen.outcome).toMatchObject({ stopped: true, step: 5, cut: [] });
});
