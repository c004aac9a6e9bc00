import { expect, test } from 'vitest';
import { totalBytes } from '../../runtime/webgpu/memory-use';
import { WebGpuEngine } from '../../runtime/webgpu/engine';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import { differences, runTraining, smallRun, type RunReport } from './rig';

/* What a worker's device has decides how its stage is computed, over a real WebSocket. */
const fixture = dawnFixture();

function run(
  memoryBytes: number | undefined,
  recompute: 'auto' | 'never' = 'auto',
  cut: 'auto' | readonly string[] = ['layer3.0'],
): Promise<RunReport> {
  const { device } = fixture;
  const config = { ...smallRun, steps: 3, cut, recompute };
  const offered = memoryBytes === undefined ? {} : { memoryBytes };
  return runTraining({
    config,
    waitFor: 1,
    hostEngine: new OnnxEngine({ numThreads: 1 }),
    workerEngines: [new WebGpuEngine({ device, description: 'Dawn', ...offered })],
  });
}

test('a stage that fits only with recomputation gets as much as it takes, and gives the same bits', async () => {
  const kept = await run(undefined);
  expect(kept.error).toBeUndefined();
  const [host, worker] = kept.stages;
  expect(host).toMatchObject({ engine: 'cpu', memory: null, recompute: [] });
  expect(worker).toMatchObject({ engine: 'webgpu', recompute: [] });
  const bytes = worker?.memoryBytes ?? NaN;
  // What the host counted beforehand is what the worker then allocated.
  expect(worker?.memory && totalBytes(worker.memory)).toBe(bytes);

  // Two of the stage's four units are enough, the largest.
  const recomputed = await run(bytes - 10_000);
  expect(recomputed.error).toBeUndefined();
  const small = recomputed.stages[1];
  expect(small).toMatchObject({ engine: 'webgpu', recompute: ['layer3.0', 'layer3.1'] });
  expect(small?.memoryBytes).toBeLessThanOrEqual(bytes - 10_000);
  expect(small?.memory && totalBytes(small.memory)).toBe(small?.memoryBytes);
  expect(recomputed.losses).toEqual(kept.losses);
  expect(differences(recomputed.kept?.state, kept.kept?.state)).toEqual([]);
});

test('a stage that does not fit is refused before the worker is asked', async () => {
  const refused = await run(1e6);
  expect(refused.losses).toEqual([]);
  expect(refused.error?.message).toMatch(
    /^stage layer3\.0 to head needs 4 MB \(weights 1, .+\), Dawn offers 1 MB; use a smaller --micro-batch or a later --cut$/,
  );
  const never = await run(1e6, 'never');
  expect(never.error?.message).toMatch(/; use --recompute always, /);
});

test('a run that chooses its cut goes on without a worker that is too small', async () => {
  const { error, losses, notices, stages } = await run(1e6, 'auto', 'auto');
  expect(error).toBeUndefined();
  expect(losses).toHaveLength(3);
  expect(stages).toHaveLength(1);
  expect(notices.join()).toMatch(/goes on without Dawn: stage .+ Dawn offers 1 MB; use/);
});
