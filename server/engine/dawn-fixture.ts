import { afterAll, beforeAll } from 'vitest';
import { iPhoneLimits, requestDevice } from '../../runtime/webgpu/device';
import { createDawnGpu, type DawnGpu } from './dawn';

/** A device on Dawn with the iPhone's limits for the tests of one file, from `beforeAll` on. */
export function dawnFixture(): { readonly device: GPUDevice } {
  let dawn: DawnGpu | undefined;
  let device: GPUDevice | undefined;
  beforeAll(async () => {
    dawn = await createDawnGpu();
    ({ device } = await requestDevice(dawn.gpu, iPhoneLimits));
  });
  afterAll(() => {
    device?.destroy();
    // The device is the GPU object's: this keeps it alive until here.
    dawn = undefined;
  });
  return {
    get device() {
      if (!dawn || !device) throw new Error('the device is there from beforeAll to afterAll');
      return device;
    },
  };
}
