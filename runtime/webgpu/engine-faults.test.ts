import { expect, test, vi } from 'vitest';
import { createDawnGpu } from '../../server/engine/dawn';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import { initialize } from '../model/initialize';
import { zeros } from '../tensor';
import { iPhoneLimits, requestDevice } from './device';
import { WebGpuEngine } from './engine';
import { defineKernel } from './kernel';
import { compileKernel } from './pipelines';
import { lastUnits } from './last-units-fixture';

const fixture = dawnFixture();
const spec = lastUnits(2, 3, 3);
const input = zeros([2, 64, 3, 3]);

async function loaded(): Promise<WebGpuEngine> {
  const engine = new WebGpuEngine({ device: fixture.device, description: 'Dawn' });
  await engine.load(spec);
  await engine.importState(initialize(spec.units, 1));
  return engine;
}

test('what does not fit is refused by name, and the engine goes on', async () => {
  const engine = await loaded();
  await expect(engine.forwardLoss(0, zeros([2, 64, 3, 4]), Int32Array.of(0, 1))).rejects.toThrow(
    'forwardLoss of micro-batch 0: expected 2x64x3x3, got 2x64x3x4',
  );
  await expect(engine.forwardLoss(0, input, Int32Array.of(0, 10))).rejects.toThrow(
    'forwardLoss of micro-batch 0: expected labels from 0 to 9, got 10',
  );
  await expect(engine.forwardLoss(0, input, Int32Array.of(0))).rejects.toThrow(
    'expected 2 labels, got 1',
  );
  await expect(engine.backwardWeight(0)).rejects.toThrow('expected after its backwardInput');
  expect((await engine.forwardLoss(0, input, Int32Array.of(0, 1))).loss).toBeGreaterThan(0);
  await expect(engine.backward(0, zeros([2, 10]))).rejects.toThrow(
    'the loss makes the output gradient',
  );
  expect((await engine.backward(0, null))?.shape).toEqual([2, 64, 3, 3]);
  await engine.dispose();
});

test('a state that lacks a tensor, or has one of another shape, changes nothing', async () => {
  const engine = await loaded();
  const before = await engine.exportState();
  const other = initialize(spec.units, 2);
  const missing = new Map(other);
  missing.delete('fc.bias');
  await expect(engine.importState(missing)).rejects.toThrow(
    "fc.bias: expected in the stage's state, not found",
  );
  const wrong = new Map([...other, ['fc.weight', zeros([10, 63])]]);
  await expect(engine.importState(wrong)).rejects.toThrow('fc.weight: expected 10x64, got 10x63');
  expect(await engine.exportState()).toEqual(before);
  await engine.dispose();
});

test('an engine without a stage says so', async () => {
  const engine = new WebGpuEngine({ device: fixture.device, description: 'Dawn' });
  await expect(engine.forward(0, input)).rejects.toThrow('call load first');
  expect(engine.memoryBytes()).toBe(0);
  await engine.dispose();
});

test('memoryBytes is what the device was asked for, and nothing is asked for after load', async () => {
  const create = vi.spyOn(fixture.device, 'createBuffer');
  const engine = await loaded();
  const sizes = create.mock.calls.map(([{ size }]) => size);
  expect(engine.memoryBytes()).toBe(sizes.reduce((total, size) => total + size, 0));

  await engine.forwardLoss(0, input, Int32Array.of(0, 1));
  await engine.backward(0, null);
  await engine.applyOptimizer({ learningRate: 0.1, step: 1 });
  await engine.evaluate(input);
  await engine.exportState();
  expect(create.mock.calls).toHaveLength(sizes.length);
  create.mockRestore();
  await engine.dispose();
});

test('a stage that is too large for a buffer is refused before any is made', async () => {
  const engine = new WebGpuEngine({ device: fixture.device, description: 'Dawn' });
  const create = vi.spyOn(fixture.device, 'createBuffer');
  // 8192 samples of 64 x 16 x 16 floats: 512 MiB in one value.
  const large = { ...spec, inputShape: [64, 16, 16], microBatchSize: 8192 };
  await expect(engine.load(large)).rejects.toThrow(
    /536870912 bytes in one buffer, Dawn allows 268435456; use a smaller --micro-batch/,
  );
  expect(create).not.toHaveBeenCalled();
  create.mockRestore();
});

test('a lost device fails the pending and every later call', async () => {
  const { gpu } = await createDawnGpu();
  const requested = await requestDevice(gpu, iPhoneLimits);
  const engine = new WebGpuEngine(requested);
  await engine.load(spec);
  await engine.importState(initialize(spec.units, 1));
  const pending = engine.forwardLoss(0, input, Int32Array.of(0, 1));
  requested.device.destroy();
  await expect(pending).rejects.toMatchObject({ name: 'DeviceLostError' });
  await expect(engine.evaluate(input)).rejects.toMatchObject({ name: 'DeviceLostError' });
  await expect(engine.load(spec)).rejects.toMatchObject({ name: 'DeviceLostError' });
  await engine.dispose();
});

test('a kernel that does not compile is named with the line', async () => {
  const kernel = defineKernel({
    name: 'broken',
    code: '\nfn main() { return 1; }',
    entries: {},
    workgroupSize: [1, 1, 1],
  });
  await expect(compileKernel(fixture.device, kernel)).rejects.toThrow(/^broken\.wgsl:2: /);
});
