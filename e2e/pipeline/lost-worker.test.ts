import { expect, test } from 'vitest';
import type { TrainingData } from '../../server/coordinator/training-data';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import type { WorkerPool } from '../../server/link/worker-pool';
import { layCable, type Cable } from './cable';
import {
  differences,
  joinWorker,
  noiseData,
  runTraining,
  smallRun,
  type JoinedWorker,
  type RunReport,
} from './rig';

const cpu = () => new OnnxEngine({ numThreads: 1 });

/** Evaluated after every fourth step. */
const config = { ...smallRun, steps: 20 };
const data = noiseData(config, 4);
const undisturbed = await runTraining({ config, data, hostEngine: cpu() });

/** The same in every bit: losses, evaluations, and the state at the end. */
function expectUndisturbed(run: RunReport): void {
  expect(run.error).toBeUndefined();
  expect(run.losses).toEqual(undisturbed.losses);
  expect(run.evaluations).toEqual(undisturbed.evaluations);
  expect(run.kept?.step).toBe(20);
  expect(differences(run.kept?.state, undisturbed.kept?.state)).toEqual([]);
}

/** The data, each batch of it once `before` has come to its end. */
function heldBack(before: (step: number) => Promise<void>): TrainingData {
  return {
    ...data,
    batch: async (step) => {
      await before(step);
      return data.batch(step);
    },
  };
}

function cutsOf({ steps }: RunReport): string[] {
  return steps.map(({ cut }) => cut.join());
}

test('the undisturbed run itself is sound', () => {
  expect(new Set(undisturbed.losses).size).toBe(20);
  expect(undisturbed.evaluations.map(({ step }) => step)).toEqual([4, 8, 12, 16, 20]);
  expect(undisturbed.outcome).toMatchObject({ rollbacks: 0, stepsReplayed: 0 });
});

test('a fixed cut that loses its worker goes on alone, and ends where it would have', async () => {
  const run = await runTraining({
    config: { ...config, cut: ['layer2.1'] },
    data,
    hostEngine: cpu(),
    workerEngines: [cpu()],
    onStep: ({ step }, [worker]) => {
      if (step === 13) worker?.cut();
    },
  });
  expectUndisturbed(run);
  expect(cutsOf(run).lastIndexOf('layer2.1')).toBe(12);
  expect(run.outcome?.rollbacks).toBe(1);
  const copied = 13 - (run.outcome?.stepsReplayed ?? Number.NaN);
  // The first copy is taken after the first step.
  expect(copied).toBeGreaterThanOrEqual(1);
  expect(run.notices.filter((text) => text.includes('is gone'))).toEqual([
    expect.stringMatching(
      `^Worker 1 .+ The computer goes on alone from its copy of step ${copied}\\b`,
    ),
  ]);
});

test('a run that chooses its cut takes a worker in, loses it, and ends where it would have', async () => {
  let server: { url: string; pool: WorkerPool } | undefined;
  const joined: JoinedWorker[] = [];
  const run = await runTraining({
    config: { ...config, cut: 'auto' },
    hostEngine: cpu(),
    onServer: (url, pool) => void (server = { url, pool }),
    data: heldBack(async (step) => {
      if (step !== 6 || !server) return;
      joined.push(await joinWorker(server.url, cpu()));
      // The link is measured first.
      await server.pool.waitFor(1, new Promise(() => undefined));
    }),
    onStep: ({ step }) => {
      if (step === 17) joined[0]?.cut();
    },
  });
  expectUndisturbed(run);
  const cuts = cutsOf(run);
  expect(cuts.slice(0, 6)).toEqual(['', '', '', '', '', '']);
  // It joins in step 6, and computes from the next epoch on at the latest.
  expect(cuts.slice(8, 17)).toEqual(Array.from({ length: 9 }, () => 'layer2.1'));
  expect(cuts.slice(17)).toEqual(['', '', '']);
});

test('a worker that goes after the last step takes nothing with it', async () => {
  const run = await runTraining({
    config: { ...config, cut: ['layer2.1'] },
    data,
    hostEngine: cpu(),
    workerEngines: [cpu()],
    onStep: ({ step }, [worker]) => {
      if (step === 20) worker?.cut();
    },
  });
  expectUndisturbed(run);
});

test('of three stages the middle one goes away and comes back', async () => {
  let url = '';
  const run = await runTraining({
    config: { ...config, cut: ['layer2.0', 'layer3.0'] },
    hostEngine: cpu(),
    workerEngines: [cpu(), cpu()],
    onServer: (address) => void (url = address),
    data: heldBack(async (step) => {
      if (step === 11) await joinWorker(url, cpu());
    }),
    onStep: ({ step }, [first]) => {
      if (step === 4) first?.cut();
    },
  });
  expectUndisturbed(run);
  const cuts = cutsOf(run);
  // The computer takes the lost one's units; the other worker keeps the share that it had.
  const changes = cuts.filter((cut, index) => cut !== '' && cut !== cuts[index - 1]);
  expect(changes).toEqual(['layer2.0,layer3.0', 'layer3.0', 'layer2.0,layer3.0']);
  expect(run.stages.map(({ units }) => units)).toEqual([
    ['stem', 'layer1.2'],
    ['layer2.0', 'layer2.2'],
    ['layer3.0', 'head'],
  ]);
  expect(run.outcome?.rollbacks).toBe(1);
});

test('a worker that went silent and comes back is one worker, and computes again', async () => {
  const engine = cpu();
  let hostPool: WorkerPool | undefined;
  let atTheEnd: string[] | undefined;
  let cable: Cable | undefined;
  let silent: JoinedWorker | undefined;
  const run = await runTraining({
    config: { ...config, cut: ['layer2.1'] },
    data,
    hostEngine: cpu(),
    onServer: async (url, pool) => {
      hostPool = pool;
      cable = await layCable(url, ({ what, step }) => {
        // The connection looks alive to both ends, and the step waits for what never comes.
        if (what !== 'gradient' || step !== 6 || !silent || !cable) return true;
        cable.stall();
        void joinWorker(cable.url, engine, silent.worker);
        silent = undefined;
        return false;
      });
      silent = await joinWorker(cable.url, engine);
    },
    onStep: () => {
      atTheEnd = hostPool?.workers.map(({ id }) => id);
    },
  });
  expectUndisturbed(run);
  expect(run.notices.join('\n')).toContain('is gone: it came back over another connection. The');
  expect(atTheEnd).toEqual(['2']);
  expect(cutsOf(run).at(-1)).toBe('layer2.1');
  expect(run.outcome?.rollbacks).toBe(1);
});

class DeviceLost extends Error {
  readonly reason = 'device-lost';
}

test('a device that fails at every step costs the run no step for good', async () => {
  let url = '';
  let count = 0;
  const join = (): void => {
    count++;
    const engine = cpu();
    engine.applyOptimizer = () => Promise.reject(new DeviceLost('the graphics processor was lost'));
    // Refused once the run is over.
    joinWorker(url, engine).catch(() => undefined);
  };
  const run = await runTraining({
    config: { ...config, cut: ['layer3.0'] },
    data,
    hostEngine: cpu(),
    onServer: (address, pool) => {
      url = address;
      pool.onGone = join;
      join();
    },
  });
  expectUndisturbed(run);
  expect(run.notices.join('\n')).toContain(
    'is gone: it failed (device-lost): the graphics processor was lost. The computer goes on alone',
  );
  expect(count).toBeGreaterThan(2);
  // The computer's own steps in between: at least 1, 2, 4 and 8 of the 20.
  expect(run.outcome?.rollbacks).toBeGreaterThan(1);
  expect(run.outcome?.rollbacks).toBeLessThanOrEqual(5);
  expect(run.outcome?.stepsReplayed).toBe(0);
});
