import { d } from 'typegpu';
import loopGuardedCode from '../../shaders/bench/loop-guarded.wgsl?raw';
import loopUnrolledCode from '../../shaders/bench/loop-unrolled.wgsl?raw';
import productRegistersCode from '../../shaders/bench/product-registers.wgsl?raw';
import productWorkgroupCode from '../../shaders/bench/product-workgroup.wgsl?raw';
import { defineKernel, vectors } from '../webgpu/kernel';

/* Experiments: no stage runs these. They ask a device what the other kernels should look like. */

const loopKernel = (name: string, code: string) =>
  defineKernel({
    name,
    code,
    entries: {
      params: {
        uniform: d.struct({ factor: d.f32, term: d.f32, share: d.f32, iterations: d.u32 }),
      },
      counts: { storage: vectors, access: 'mutable' },
    },
    workgroupSize: [64, 1, 1],
  });

const productKernel = (name: string, code: string) =>
  defineKernel({
    name,
    code,
    entries: {
      params: { uniform: d.struct({ depthBlocks: d.u32, columnBlocks: d.u32 }) },
      a: { storage: vectors },
      b: { storage: vectors },
      c: { storage: vectors, access: 'mutable' },
    },
    workgroupSize: [8, 8, 1],
  });

export const loopKernels = {
  guarded: loopKernel('loop-guarded', loopGuardedCode),
  unrolled: loopKernel('loop-unrolled', loopUnrolledCode),
} as const;

export const productKernels = {
  registers: productKernel('product-registers', productRegistersCode),
  workgroup: productKernel('product-workgroup', productWorkgroupCode),
} as const;

/** Each in its file of shaders/bench. */
export const benchKernels = [...Object.values(loopKernels), ...Object.values(productKernels)];
