import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { scheduleNames } from '../../runtime/schedule/schedule';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import { startHeadlessWorker, type HeadlessWorker } from '../../server/headless/headless-worker';
import { noiseData, reversedData, runTraining, smallRun, type RunReport } from './rig';

/*
 * The second stage in a real browser, in WGSL, against ONNX Runtime alone: the same losses. The
 * learning rate is small enough that float32's noise does not grow over ten steps.
 */
const tolerance = 1e-4;
const config = {
  ...smallRun,
  steps: 10,
  learningRate: { ...smallRun.learningRate, peak: 0.0003 },
};
const phones: HeadlessWorker[] = [];
const cpu = () => new OnnxEngine({ numThreads: 1 });

afterEach(async () => {
  await Promise.all(phones.splice(0).map((phone) => phone.close()));
});

const data = noiseData(config, 5);
const alone = await runTraining({ config, data, hostEngine: cpu() });

async function openPhone(url: string): Promise<void> {
  phones.push(
    await startHeadlessWorker({
      // By number: a look-up of localhost failed once, with ERR_NAME_NOT_RESOLVED.
      url: url.replace('localhost', '127.0.0.1'),
      software: true,
      onPageError: (text) => {
        throw new Error(text);
      },
    }),
  );
}

function expectSameLosses(run: RunReport, steps = config.steps): void {
  expect(run.error).toBeUndefined();
  expect(run.losses).toHaveLength(steps);
  run.losses.forEach((loss, index) => {
    const expected = alone.losses[index] ?? Number.NaN;
    expect(Math.abs(loss - expected) / expected).toBeLessThan(tolerance);
  });
}

test('another order of summation moves the losses by much less than the tolerance', async () => {
  const backward = await runTraining({ config, data: reversedData(data), hostEngine: cpu() });
  const noise = alone.losses.map((loss, index) => {
    return Math.abs(loss - (backward.losses[index] ?? Number.NaN)) / loss;
  });
  expect(Math.max(...noise)).toBeGreaterThan(0);
  expect(Math.max(...noise)).toBeLessThan(tolerance / 10);
});

test('a browser computes the second stage: the same losses in every schedule', async () => {
  for (const schedule of scheduleNames) {
    // The others' order shows in the first steps.
    const steps = schedule === config.schedule ? config.steps : 4;
    const run = await runTraining({
      config: { ...config, steps, schedule, cut: ['layer3.0'] },
      data,
      hostEngine: cpu(),
      onServer: openPhone,
    });
    expectSameLosses(run, steps);
    expect(run.stages.map(({ engine }) => engine)).toEqual(['cpu', 'webgpu']);
  }
});

test('two browsers in a chain, with evaluation', async () => {
  const run = await runTraining({
    config: { ...config, cut: ['layer1.1', 'layer3.0'] },
    data,
    hostEngine: cpu(),
    onServer: async (url) => {
      await openPhone(url);
      await openPhone(url);
    },
  });
  expectSameLosses(run);
  expect(run.evaluations.map(({ count }) => count)).toEqual([3, 3]);
  run.evaluations.forEach(({ loss }, index) => {
    expect(loss).toBeCloseTo(alone.evaluations[index]?.loss ?? Number.NaN, 3);
  });
});

test('a browser is killed in mid-run and another one takes its place: the same losses', async () => {
  let open: () => Promise<void> = () => Promise.resolve();
  const run = await runTraining({
    config: { ...config, cut: ['layer3.0'] },
    hostEngine: cpu(),
    onServer: async (url, pool) => {
      await openPhone(url);
      open = async () => {
        await openPhone(url);
        while (pool.workers.length === 0) await pause(10);
      };
    },
    data: {
      ...data,
      stepsPerEpoch: 8,
      batch: async (step) => {
        if (step === 8) await open();
        return data.batch(step);
      },
    },
    onStep: ({ step }) => {
      if (step === 3) void phones[0]?.kill();
    },
  });
  expectSameLosses(run);
  expect(run.outcome?.rollbacks).toBe(1);
  const cuts = run.steps.map(({ cut }) => cut.join());
  expect(cuts.slice(0, 3)).toEqual(['layer3.0', 'layer3.0', 'layer3.0']);
  expect(cuts[7]).toBe('');
  // It opens in step 8, and computes from the epoch after it on at the latest.
  expect(cuts.slice(8)).toEqual(['layer3.0', 'layer3.0']);
});
