import { describe, expect, test } from 'vitest';
import { scheduleNames } from '../../runtime/schedule/schedule';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import { differences, noiseData, runTraining, smallRun } from './rig';

/*
 * The pipelined run equals the run on one engine, bit by bit: same losses, same weights, same
 * running statistics, same momentum. Stages are joined over real WebSockets.
 */
const cpu = () => new OnnxEngine({ numThreads: 1 });

describe('on one kind of engine', async () => {
  const alone = await runTraining({ config: smallRun, hostEngine: cpu() });
  const short = await runTraining({ config: { ...smallRun, steps: 3 }, hostEngine: cpu() });

  test('the run itself is sound', () => {
    expect(alone.error).toBeUndefined();
    expect(alone.losses).toHaveLength(5);
    expect(new Set(alone.losses).size).toBe(5);
    expect(alone.kept?.step).toBe(5);
  });

  test.each(scheduleNames)('%s over two stages gives the same bits', async (schedule) => {
    const config = { ...smallRun, schedule, cut: ['layer2.0'] };
    const run = await runTraining({ config, hostEngine: cpu(), workerEngines: [cpu()] });
    expect(run.error).toBeUndefined();
    expect(run.losses).toEqual(alone.losses);
    expect(differences(run.kept?.state, alone.kept?.state)).toEqual([]);
  });

  test.each(scheduleNames)(
    '%s over three and four stages gives the same bits',
    async (schedule) => {
      for (const cut of [
        ['layer1.2', 'layer3.0'],
        ['layer1.0', 'layer2.1', 'head'],
      ]) {
        const run = await runTraining({
          config: { ...smallRun, steps: 3, schedule, cut },
          hostEngine: cpu(),
          workerEngines: cut.map(cpu),
        });
        expect(run.error).toBeUndefined();
        expect(run.stages.map(({ units }) => units[0])).toEqual(['stem', ...cut]);
        expect(run.losses).toEqual(short.losses);
        expect(differences(run.kept?.state, short.kept?.state)).toEqual([]);
      }
    },
  );
});

test('evaluation through two stages gives the same numbers as on one', async () => {
  const config = { ...smallRun, steps: 4, optimizer: { ...smallRun.optimizer, nesterov: true } };
  const data = noiseData(smallRun, 2);
  const alone = await runTraining({ config, data, hostEngine: cpu() });
  const run = await runTraining({
    config: { ...config, cut: ['layer3.1'] },
    data,
    hostEngine: cpu(),
    workerEngines: [cpu()],
  });
  expect(alone.evaluations.map(({ step, count }) => [step, count])).toEqual([
    [2, 3],
    [4, 3],
  ]);
  expect(run.evaluations).toEqual(alone.evaluations);
  expect(run.losses).toEqual(alone.losses);
});

test('another seed gives other losses', async () => {
  const [a, b] = await Promise.all(
    [1, 2].map((seed) =>
      runTraining({ config: { ...smallRun, seed, steps: 1 }, hostEngine: cpu() }),
    ),
  );
  expect(a?.losses[0]).not.toBe(b?.losses[0]);
});
