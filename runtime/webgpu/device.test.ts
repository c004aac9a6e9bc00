import { expect, test } from 'vitest';
import { createDawnGpu } from '../../server/engine/dawn';
import { DeviceError, iPhoneLimits, requestDevice } from './device';

test('no WebGPU at all', async () => {
  await expect(requestDevice(undefined)).rejects.toMatchObject({
    name: 'DeviceError',
    reason: 'no-webgpu',
  });
});

test('WebGPU without an adapter', async () => {
  const gpu = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
  await expect(requestDevice(gpu)).rejects.toMatchObject({ reason: 'no-adapter' });
});

test('an adapter that is too small is named with the limit', async () => {
  const limits = { ...iPhoneLimits, maxStorageBuffersPerShaderStage: 4 };
  const gpu = { requestAdapter: () => Promise.resolve({ limits }) } as unknown as GPU;
  const error = await requestDevice(gpu).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DeviceError);
  expect(error).toMatchObject({
    reason: 'limits-too-small',
    message: 'maxStorageBuffersPerShaderStage: expected 8 or more, the graphics processor offers 4',
  });
});

test("a device never has more than the limits that it is asked for: the iPhone's", async () => {
  const { gpu } = await createDawnGpu();
  const { device, description } = await requestDevice(gpu, iPhoneLimits);
  expect(description).not.toBe('');
  expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
  expect(device.limits.maxBufferSize).toBe(256 * 2 ** 20);
  expect(device.limits.maxStorageBufferBindingSize).toBe(256 * 2 ** 20);
  expect(device.limits.maxComputeWorkgroupStorageSize).toBeLessThanOrEqual(32768);
  device.destroy();
});
