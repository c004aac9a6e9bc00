import { expect, test } from 'vitest';
import { RunInterruptedError } from '../../server/coordinator/trainer';
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
    /^Worker 1 \(.+\) is gone: .+ Step 13 was the last whole one; its state is in the checkpoint$/,
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

test('the middle one of three stages goes away', async () => {
  const run = await runTraining({
    config: { ...smallRun, steps: 10, cut: ['layer2.0', 'layer3.0'] },
    hostEngine: cpu(),
    workerEngines: [cpu(), cpu()],
    onStep: ({ step }, [first]) => {
      if (step === 4) first?.cut();
    },
  });
  expect(run.error?.message).toContain('Step 4 was the last whole one');
  const undisturbed = await runTraining({ config: { ...smallRun, steps: 4 }, hostEngine: cpu() });
  expect(differences(run.kept?.state, undisturbed.kept?.state)).toEqual([]);
});
