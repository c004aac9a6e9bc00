import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import { noiseData, runTraining, smallRun } from '../pipeline/rig';
import { pageEngines } from './engines';
import type { Phone } from './phone';
import { SecureHost } from './secure-host';

/* A minute in the pocket, in the middle of a step: three times what an end waits for the other. */
const suspendedMs = 60_000;
const suspendedAfter = 6;

/** Engines round in their own ways; at this rate that stays far below what a wrong step would do. */
const tolerance = 1e-4;

const engines = pageEngines.filter(({ why }) => why === undefined);
const who = engines.map(({ name }) => name).join(' and ');

test(`${who}: paired pages that were suspended for a minute take their part again`, async () => {
  const cut = engines.length === 1 ? ['layer3.0'] : ['layer2.1', 'layer3.1'];
  const config = {
    ...smallRun,
    steps: 20,
    learningRate: { ...smallRun.learningRate, peak: 1e-4 },
  };
  // At the end of each short epoch the run waits for those who have joined.
  const data = noiseData(config, 4);
  const engine = (): OnnxEngine => new OnnxEngine({ numThreads: 1 });
  const alone = await runTraining({ config, data, hostEngine: engine() });

  const host = await SecureHost.start();
  onTestFinished(() => host.close());
  const { pool } = host.server;
  const phones: Phone[] = [];
  let awake = Promise.resolve();
  const run = await runTraining({
    config: { ...config, cut },
    hostEngine: engine(),
    server: host.server,
    onServer: async () => {
      for (const { start, search } of engines) {
        const phone = await start(true);
        onTestFinished(() => phone.close());
        await phone.open(`https://127.0.0.1:${host.securePort}/${search}${host.invitation()}`);
        await phone.shows('waiting');
        phones.push(phone);
      }
    },
    data: {
      ...data,
      batch: async (step) => {
        // The host alone would be through with the run before anybody is back.
        if (step > suspendedAfter + 2) {
          await awake;
          while (pool.workers.length < cut.length) await sleep(50);
        }
        return data.batch(step);
      },
    },
    onStep: ({ step }) => {
      if (step !== suspendedAfter) return;
      for (const phone of phones) phone.suspend();
      awake = sleep(suspendedMs).then(() => {
        for (const phone of phones) phone.resume();
      });
    },
  });

  expect(run.error).toBeUndefined();
  const cuts = run.steps.map((record) => record.cut.join());
  expect(cuts[suspendedAfter - 1]).toBe(cut.join());
  expect(cuts).toContain('');
  expect(cuts.at(-1)).toBe(cut.join());
  // Each came back by its key: its code was used up when it came first.
  expect(await host.devices()).toHaveLength(phones.length);
  expect(run.losses).toHaveLength(alone.losses.length);
  run.losses.forEach((loss, index) => {
    const expected = alone.losses[index] ?? Number.NaN;
    expect(Math.abs(loss - expected) / expected, `step ${index + 1}`).toBeLessThan(tolerance);
  });
}, 300_000);
