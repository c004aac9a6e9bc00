import type { StageEngine } from '../../runtime/engine';
import { iPhoneLimits, requestDevice } from '../../runtime/webgpu/device';
import { WebGpuEngine } from '../../runtime/webgpu/engine';
import { createDawnGpu, type DawnGpu } from '../../server/engine/dawn';
import { OnnxEngine } from '../../server/engine/onnx-engine';

const kept: DawnGpu[] = [];

/** Every implementation of the StageEngine, by name: what one passes, all must pass. */
export const engines: readonly (readonly [string, () => Promise<StageEngine>])[] = [
  ['ONNX Runtime on the processor', () => Promise.resolve(new OnnxEngine())],
  [
    'WebGPU with an iPhone’s limits',
    async () => {
      const dawn = await createDawnGpu();
      // A device lives as long as the GPU object that it came from.
      kept.push(dawn);
      return new WebGpuEngine(await requestDevice(dawn.gpu, iPhoneLimits));
    },
  ],
];
