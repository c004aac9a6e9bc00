import { expect, test } from 'vitest';
import { RunInterruptedError } from '../../server/coordinator/trainer';
import type { TrainingData, ValidationBatch } from '../../server/coordinator/training-data';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import { differences, noiseData, runTraining, smallRun } from './rig';

const cpu = () => new OnnxEngine({ numThreads: 1 });

test('a fixed cut that loses its worker ends with the state of the last whole step', async () => {
  const config = { ...smallRun, steps: 30, cut: ['layer2.1'] };
  const run = await runTraining({
    config,
    hostEngine: cpu(),
    workerEngines: [cpu()],
    onStep: ({ step }, [worker]) => {
      if (step === 13) worker?.cut();
    },
  });
  expect(run.error).toBeInstanceOf(RunInterruptedError);
  expect(run.error?.message).toMatch(
    /^Worker 1 \(.+\) is gone: .+ Step 13 of 30 was the last whole one; its state is in the checkpoint$/,
  );
  expect(run.notices.join('\n')).toContain('copy of step 10 and computes 3 steps again');
  const undisturbed = await runTraining({ config: { ...smallRun, steps: 13 }, hostEngine: cpu() });
  expect(run.losses).toEqual(undisturbed.losses);
  expect(run.kept?.step).toBe(13);
  expect(differences(run.kept?.state, undisturbed.kept?.state)).toEqual([]);
});

test('a run that chooses its cut takes a worker in, loses it, and ends where it would have', async () => {
  const config = { ...smallRun, steps: 24, cut: 'auto' as const };
  let lostAt = 0;
  const run = await runTraining({
    config,
    hostEngine: cpu(),
    workerEngines: [cpu()],
    data: noiseData(config, 4),
    onStep: ({ step, cut }, [worker]) => {
      if (lostAt > 0 || cut.length === 0 || step < 17) return;
      lostAt = step;
      worker?.cut();
    },
  });
  const undisturbed = await runTraining({
    config: { ...config, cut: [] },
    hostEngine: cpu(),
    data: noiseData(config, 4),
  });
  expect(run.error).toBeUndefined();
  const cuts = run.steps.map(({ cut }) => cut.join());
  expect(cuts[0]).toBe('');
  // At the latest at the end of the first epoch, which has four steps.
  expect(cuts[4]).toBe('layer2.1');
  expect(cuts.at(-1)).toBe('');
  expect(lostAt).toBeGreaterThan(0);
  expect(run.losses).toEqual(undisturbed.losses);
  expect(run.evaluations).toEqual(undisturbed.evaluations);
  expect(differences(run.kept?.state, undisturbed.kept?.state)).toEqual([]);
});

test('a worker that goes after the last step takes nothing with it', async () => {
  const run = await runTraining({
    config: { ...smallRun, steps: 12, cut: ['layer2.1'] },
    hostEngine: cpu(),
    workerEngines: [cpu()],
    onStep: ({ step }, [worker]) => {
      if (step === 12) worker?.cut();
    },
  });
  const undisturbed = await runTraining({ config: { ...smallRun, steps: 12 }, hostEngine: cpu() });
  expect(run.error).toBeUndefined();
  expect(run.kept?.step).toBe(12);
  expect(differences(run.kept?.state, undisturbed.kept?.state)).toEqual([]);
});

test('a loss that is no number ends the run with the state before it', async () => {
  const config = { ...smallRun, steps: 20 };
  const data = noiseData(config);
  const poisoned: TrainingData = {
    ...data,
    batch: async (step) => {
      const batch = await data.batch(step);
      if (step === 6) batch[1]?.input.data.fill(Number.NaN);
      return batch;
    },
  };
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
    const undisturbed = await runTraining({ config: { ...smallRun, steps: 5 }, hostEngine: cpu() });
    expect(run.kept?.step).toBe(5);
    expect(differences(run.kept?.state, undisturbed.kept?.state)).toEqual([]);
  }
});

test('validation pictures that can not be read end the run with its state, and no hang', async () => {
  const config = { ...smallRun, steps: 8, cut: ['layer2.1'] };
  const data: TrainingData = {
    ...noiseData(config, 4),
    async *validation() {
      yield await Promise.reject<ValidationBatch>(new Error('too many broken pictures'));
    },
  };
  const run = await runTraining({ config, data, hostEngine: cpu(), workerEngines: [cpu()] });
  expect(run.error?.message).toContain('Too many broken pictures. Step 4 of 8 was the last whole');
  expect(run.kept?.step).toBe(4);
});

test('the middle one of three stages goes away', async () => {
  const run = await runTraining({
    config: { ...smallRun, steps: 10, cut: ['layer2.0', 'layer3.0'] },
    hostEngine: cpu(),
    workerEngines: [cpu(), cpu()],
    onStep: ({ step }, [first]) => {
      if (step === 4) first?.cut();
    },
  });
  expect(run.error?.message).toContain('Step 4 of 10 was the last whole one');
  const undisturbed = await runTraining({ config: { ...smallRun, steps: 4 }, hostEngine: cpu() });
  expect(differences(run.kept?.state, undisturbed.kept?.state)).toEqual([]);
});
