import { expect, test } from 'vitest';
import type { StageAssignment } from '../../runtime/protocol/message';
import { StageMemoryError } from '../../runtime/webgpu/device-memory';
import { totalBytes } from '../../runtime/webgpu/memory-use';
import { fitToDevice } from './fit';

/** The paper's stage: 376 MB as it is, 294 MB with everything computed again. */
const assignment: StageAssignment = {
  index: 1,
  numStages: 2,
  model: { architecture: 'resnet34', numClasses: 1000, stem: 'imagenet' },
  firstUnit: 'layer3.3',
  lastUnit: 'head',
  inputShape: [256, 14, 14],
  microBatchSize: 16,
  numMicroBatches: 8,
  maxInFlight: 2,
  splitsBackward: false,
  labelSmoothing: 0,
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
};

const offering = (totalBytes?: number) => ({
  engine: 'webgpu' as const,
  device: 'a phone',
  memory: { bufferBytes: 2 ** 28, ...(totalBytes !== undefined && { totalBytes }) },
});

const of3 = ['layer3.3', 'layer3.4', 'layer3.5'];
const all = [...of3, 'layer4.0', 'layer4.1', 'layer4.2', 'head'];

// The head keeps next to nothing, at next to no price; a block of layer3 keeps the most for its.
test.each([
  ['auto', undefined, [], 375_706_712],
  ['auto', 375_706_712, [], 375_706_712],
  ['auto', 375_706_711, ['head'], 375_641_176],
  ['auto', 375_641_175, ['layer3.3'], 362_859_608],
  ['auto', 330_000_000, of3, 324_324_440],
  ['auto', 293_819_480, all.slice(0, -1), 293_819_480],
  ['auto', 293_753_944, all, 293_753_944],
  ['always', undefined, all, 293_753_944],
  ['always', 400e6, all, 293_753_944],
  ['never', 400e6, [], 375_706_712],
] as const)('%s on a device of %s bytes: recompute %j', (choice, offered, recompute, bytes) => {
  const device = offering(offered);
  const fitted = fitToDevice(assignment, device, { recompute: choice, precision: 'f32' });
  expect(fitted.assignment).toEqual(
    recompute.length > 0 ? { ...assignment, recompute } : assignment,
  );
  expect(fitted.memory && totalBytes(fitted.memory)).toBe(bytes);
});

test.each([
  ['auto', 293_753_943, 'use a smaller --micro-batch or a later --cut'],
  ['always', 293_753_943, 'use a smaller --micro-batch or a later --cut'],
  ['never', 300e6, 'use --recompute always, a smaller --micro-batch or a later --cut'],
] as const)('%s on a device of %d bytes is refused', (choice, bytes, remedy) => {
  const fit = (): unknown =>
    fitToDevice(assignment, offering(bytes), { recompute: choice, precision: 'f32' });
  expect(fit).toThrow(StageMemoryError);
  expect(fit).toThrow(remedy);
});

test("a buffer that is larger than the device's is refused, whatever is recomputed", () => {
  const device = { ...offering(), memory: { bufferBytes: 5e6 } };
  expect(() => fitToDevice(assignment, device, { recompute: 'auto', precision: 'f32' })).toThrow(
    /in one buffer, a phone allows/,
  );
});

test('the CPU engine keeps its activations, whatever is asked', () => {
  const cpu = { engine: 'cpu' as const, device: 'a computer', memory: undefined };
  expect(fitToDevice(assignment, cpu, { recompute: 'always', precision: 'f16' })).toEqual({
    assignment,
    memory: undefined,
  });
});

test('f16 is for devices that have it, and takes half of the activations', () => {
  const phone = offering();
  expect(() => fitToDevice(assignment, phone, { recompute: 'auto', precision: 'f16' })).toThrow(
    "a phone can't compute with f16 (WebGPU's shader-f16); leave --precision f16 out",
  );
  const able = { ...phone, precisions: ['f32', 'f16'] as const };
  const single = fitToDevice(assignment, able, { recompute: 'auto', precision: 'f32' }).memory;
  const half = fitToDevice(assignment, able, { recompute: 'auto', precision: 'f16' });
  expect(half.assignment).toEqual({ ...assignment, precision: 'f16' });
  // What is kept besides values: mean and deviation of each channel, of both micro-batches.
  const statistics = 2 * 8 * (6 * 256 + 7 * 512);
  const values = (single?.activations ?? NaN) - statistics;
  expect(half.memory?.activations).toBe(values / 2 + statistics);
  expect(half.memory?.weights).toBe(single?.weights);
  expect(half.memory && totalBytes(half.memory)).toBe(308_173_656);
});
