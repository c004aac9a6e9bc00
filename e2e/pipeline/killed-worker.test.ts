import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, onTestFinished, test } from 'vitest';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import type { RemoteWorker } from '../../server/link/remote-worker';
import type { WorkerPool } from '../../server/link/worker-pool';
import { layCable, type Passing } from './cable';
import { differences, noiseData, runTraining, smallRun } from './rig';

/*
 * A worker process that is killed in the middle of everything that a worker does, each time with a
 * new one that takes its place: the run ends as the one that nobody disturbed.
 */
type Moment = (passing: Passing) => boolean;
const moments: readonly (readonly [name: string, isNow: Moment])[] = [
  ['between steps', ({ what, step }) => what === 'step-done' && step === 2],
  ['while it allocates', ({ what }) => what === 'prepare'],
  ['in the transfer of weights', nth(20, isStateTo('down'))],
  ['in the forward', ({ what, microBatch }) => what === 'activation' && microBatch === 2],
  ['in the backward', ({ what, microBatch }) => what === 'gradient' && microBatch === 1],
  ['in the transfer of a copy', nth(20, isStateTo('up'))],
  ['in an evaluation', ({ what }) => what === 'output'],
];

function isStateTo(end: Passing['direction']): Moment {
  return ({ what, direction }) => what === 'state' && direction === end;
}

function nth(count: number, isNow: Moment): Moment {
  let seen = 0;
  return (passing) => isNow(passing) && ++seen === count;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('killed at seven moments, the run ends where it would have', async () => {
  const config = { ...smallRun, steps: 60, cut: ['layer2.1'] };
  const data = noiseData(config, 4);
  const undisturbed = await runTraining({
    config: { ...config, cut: [] },
    data,
    hostEngine: new OnnxEngine({ numThreads: 1 }),
  });

  const left = [...moments];
  const killed: string[] = [];
  const gone: WeakRef<RemoteWorker>[] = [];
  let child: ChildProcess | undefined;
  onTestFinished(() => void child?.kill('SIGKILL'));
  let pool: WorkerPool | undefined;
  let stillHeld: number[] | undefined;
  const hasWorker = async (): Promise<void> => {
    while (pool?.workers.length === 0) await pause(5);
  };
  const run = await runTraining({
    config,
    hostEngine: new OnnxEngine({ numThreads: 1 }),
    onServer: async (url, hostPool) => {
      pool = hostPool;
      const cable = await layCable(url, (passing) => {
        const [moment] = left;
        if (!moment?.[1](passing)) return true;
        left.shift();
        killed.push(moment[0]);
        child?.kill('SIGKILL');
        child = startWorker(cable.url);
        return false;
      });
      pool.onGone = (worker) => void gone.push(new WeakRef(worker));
      child = startWorker(cable.url);
    },
    data: {
      ...data,
      batch: async (step) => {
        // No step without a worker about: each one that comes is taken in soon after.
        if (left.length > 0) await hasWorker();
        if (step === config.steps) {
          await pause(50);
          collectGarbage();
          stillHeld = gone.flatMap((reference, index) => (reference.deref() ? [index] : []));
        }
        return data.batch(step);
      },
    },
  });
  expect(killed).toEqual(moments.map(([name]) => name));
  expect(run.error).toBeUndefined();
  expect(run.losses).toEqual(undisturbed.losses);
  expect(run.evaluations).toEqual(undisturbed.evaluations);
  expect(differences(run.kept?.state, undisturbed.kept?.state)).toEqual([]);
  // The one that was killed while it allocated was no part of the run yet.
  expect(run.outcome?.rollbacks).toBe(moments.length - 1);
  expect(run.outcome?.stepsReplayed).toBeGreaterThan(0);
  expect(gone).toHaveLength(moments.length);
  // The error of the newest loss still knows its worker, by its stack; nothing knows the others.
  expect(stillHeld?.filter((index) => index < moments.length - 1)).toEqual([]);
}, 120_000);

test('a worker process whose cable is pulled comes back by itself', async () => {
  const config = { ...smallRun, steps: 12, cut: ['layer2.1'] };
  const data = noiseData(config, 4);
  const undisturbed = await runTraining({
    config: { ...config, cut: [] },
    data,
    hostEngine: new OnnxEngine({ numThreads: 1 }),
  });
  let pool: WorkerPool | undefined;
  let isPulled = false;
  const run = await runTraining({
    config,
    hostEngine: new OnnxEngine({ numThreads: 1 }),
    onServer: async (url, hostPool) => {
      pool = hostPool;
      const cable = await layCable(url, ({ what, step }) => {
        if (isPulled || what !== 'gradient' || step !== 3) return true;
        isPulled = true;
        cable.pull();
        return false;
      });
      const child = startWorker(cable.url);
      onTestFinished(() => void child.kill('SIGKILL'));
    },
    data: {
      ...data,
      batch: async (step) => {
        while (step === 6 && pool?.workers.length === 0) await pause(5);
        return data.batch(step);
      },
    },
  });
  expect(run.error).toBeUndefined();
  expect(run.losses).toEqual(undisturbed.losses);
  expect(differences(run.kept?.state, undisturbed.kept?.state)).toEqual([]);
  expect(run.outcome?.rollbacks).toBe(1);
  expect(run.notices.at(-1)).toMatch(/\(worker 2\) takes over from layer2\.1 on\.$/);
  expect(run.steps.at(-1)?.cut).toEqual(['layer2.1']);
}, 60_000);

function startWorker(url: string): ChildProcess {
  const launcher = resolve('server/tandem.js');
  return spawn(process.execPath, [launcher, 'worker', url, '--threads', '1'], { stdio: 'ignore' });
}
