import { expect, test } from 'vitest';
import { WebGpuEngine } from '../../runtime/webgpu/engine';
import { hasHalf } from '../../runtime/webgpu/precision';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import { runTraining, smallRun, type RunReport } from './rig';

const fixture = dawnFixture();

function run(precision: 'f32' | 'f16'): Promise<RunReport> {
  return runTraining({
    config: { ...smallRun, steps: 10, cut: ['layer2.0'], precision },
    hostEngine: new OnnxEngine({ numThreads: 1 }),
    workerEngines: [new WebGpuEngine({ device: fixture.device, description: 'Dawn' })],
  });
}

test('a worker that stores f16 learns what one that stores f32 does', async ({ skip }) => {
  skip(!hasHalf(fixture.device), 'this device has no shader-f16 (Mesa 25 lavapipe has)');
  const single = await run('f32');
  const half = await run('f16');
  expect(half.error).toBeUndefined();
  // The CPU engine's stage stores f32 whatever is asked.
  expect(half.stages.map(({ precision }) => precision)).toEqual(['f32', 'f16']);
  expect(half.stages[1]?.memoryBytes).toBeLessThan(single.stages[1]?.memoryBytes ?? 0);
  expect(half.losses).toHaveLength(10);
  half.losses.forEach((loss, index) => {
    const expected = single.losses[index] ?? NaN;
    expect(Math.abs(loss - expected) / expected, `step ${index + 1}`).toBeLessThan(0.01);
  });
  expect(half.losses).not.toEqual(single.losses);
}, 400_000);

test('a worker that has no f16 is refused in one sentence', async ({ skip }) => {
  skip(hasHalf(fixture.device), 'this device has shader-f16');
  const { error, losses } = await run('f16');
  expect(losses).toEqual([]);
  expect(error?.message).toBe(
    "Dawn can't compute with f16 (WebGPU's shader-f16); leave --precision f16 out",
  );
});
