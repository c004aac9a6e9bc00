import { d } from 'typegpu';
import addReluCode from '../../../shaders/batch-norm-add-relu.wgsl?raw';
import addReluGradientSumsCode from '../../../shaders/batch-norm-add-relu-gradient-sums.wgsl?raw';
import reluCode from '../../../shaders/batch-norm-relu.wgsl?raw';
import reluGradientSumsCode from '../../../shaders/batch-norm-relu-gradient-sums.wgsl?raw';
import reluInputGradientCode from '../../../shaders/batch-norm-relu-input-gradient.wgsl?raw';
import { defineKernel, vectors } from '../kernel';

const workgroupSize = [64, 1, 1] as const;

const sizes = { count: d.u32, threads: d.u32, blocks: d.u32 };

export const reluKernel = defineKernel({
  name: 'batch-norm-relu',
  code: reluCode,
  entries: {
    params: { uniform: d.struct(sizes) },
    x: { storage: vectors },
    statistics: { storage: vectors },
    weight: { storage: vectors },
    bias: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const addReluKernel = defineKernel({
  name: 'batch-norm-add-relu',
  code: addReluCode,
  entries: {
    params: { uniform: d.struct(sizes) },
    x: { storage: vectors },
    statistics: { storage: vectors },
    weight: { storage: vectors },
    bias: { storage: vectors },
    shortcut: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const reluGradientSumsKernel = defineKernel({
  name: 'batch-norm-relu-gradient-sums',
  code: reluGradientSumsCode,
  entries: {
    params: { uniform: d.struct(sizes) },
    x: { storage: vectors },
    y: { storage: vectors },
    dy: { storage: vectors },
    statistics: { storage: vectors },
    partials: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const addReluGradientSumsKernel = defineKernel({
  name: 'batch-norm-add-relu-gradient-sums',
  code: addReluGradientSumsCode,
  entries: {
    params: { uniform: d.struct({ ...sizes, accumulate: d.u32 }) },
    x: { storage: vectors },
    y: { storage: vectors },
    dy: { storage: vectors },
    statistics: { storage: vectors },
    partials: { storage: vectors, access: 'mutable' },
    dShortcut: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const reluInputGradientKernel = defineKernel({
  name: 'batch-norm-relu-input-gradient',
  code: reluInputGradientCode,
  entries: {
    params: { uniform: d.struct({ ...sizes, accumulate: d.u32, inversePixels: d.f32 }) },
    x: { storage: vectors },
    y: { storage: vectors },
    dy: { storage: vectors },
    statistics: { storage: vectors },
    sums: { storage: vectors },
    weight: { storage: vectors },
    dx: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const batchNormReluKernels = [
  reluKernel,
  addReluKernel,
  reluGradientSumsKernel,
  addReluGradientSumsKernel,
  reluInputGradientKernel,
] as const;
