import { d } from 'typegpu';
import forwardCode from '../../../shaders/batch-norm.wgsl?raw';
import evaluationCode from '../../../shaders/batch-norm-evaluation.wgsl?raw';
import gradientSumsCode from '../../../shaders/batch-norm-gradient-sums.wgsl?raw';
import combineGradientSumsCode from '../../../shaders/batch-norm-gradient-sums-combine.wgsl?raw';
import inputGradientCode from '../../../shaders/batch-norm-input-gradient.wgsl?raw';
import statisticsCode from '../../../shaders/batch-norm-statistics.wgsl?raw';
import combineStatisticsCode from '../../../shaders/batch-norm-statistics-combine.wgsl?raw';
import { defineKernel, vectors } from '../kernel';

const workgroupSize = [64, 1, 1] as const;

export const statisticsKernel = defineKernel({
  name: 'batch-norm-statistics',
  code: statisticsCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32, threads: d.u32 }) },
    x: { storage: vectors },
    partials: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const combineStatisticsKernel = defineKernel({
  name: 'batch-norm-statistics-combine',
  code: combineStatisticsCode,
  entries: {
    params: {
      uniform: d.struct({
        blocks: d.u32,
        chunks: d.u32,
        lanes: d.u32,
        pixels: d.u32,
        pixelsPerChunk: d.u32,
        longerChunks: d.u32,
        epsilon: d.f32,
        momentum: d.f32,
      }),
    },
    partials: { storage: vectors },
    runningMean: { storage: vectors, access: 'mutable' },
    runningVar: { storage: vectors, access: 'mutable' },
    statistics: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const forwardKernel = defineKernel({
  name: 'batch-norm',
  code: forwardCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32, threads: d.u32, blocks: d.u32 }) },
    x: { storage: vectors },
    statistics: { storage: vectors },
    weight: { storage: vectors },
    bias: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const evaluationKernel = defineKernel({
  name: 'batch-norm-evaluation',
  code: evaluationCode,
  entries: {
    params: {
      uniform: d.struct({ count: d.u32, threads: d.u32, blocks: d.u32, epsilon: d.f32 }),
    },
    x: { storage: vectors },
    runningMean: { storage: vectors },
    runningVar: { storage: vectors },
    weight: { storage: vectors },
    bias: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const gradientSumsKernel = defineKernel({
  name: 'batch-norm-gradient-sums',
  code: gradientSumsCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32, threads: d.u32, blocks: d.u32 }) },
    x: { storage: vectors },
    dy: { storage: vectors },
    statistics: { storage: vectors },
    partials: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const combineGradientSumsKernel = defineKernel({
  name: 'batch-norm-gradient-sums-combine',
  code: combineGradientSumsCode,
  entries: {
    params: { uniform: d.struct({ blocks: d.u32, chunks: d.u32, lanes: d.u32 }) },
    partials: { storage: vectors },
    sums: { storage: vectors, access: 'mutable' },
    dWeight: { storage: vectors, access: 'mutable' },
    dBias: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const inputGradientKernel = defineKernel({
  name: 'batch-norm-input-gradient',
  code: inputGradientCode,
  entries: {
    params: {
      uniform: d.struct({
        count: d.u32,
        threads: d.u32,
        blocks: d.u32,
        accumulate: d.u32,
        inversePixels: d.f32,
      }),
    },
    x: { storage: vectors },
    dy: { storage: vectors },
    statistics: { storage: vectors },
    sums: { storage: vectors },
    weight: { storage: vectors },
    dx: { storage: vectors, access: 'mutable' },
  },
  workgroupSize,
});

export const batchNormKernels = [
  statisticsKernel,
  combineStatisticsKernel,
  forwardKernel,
  evaluationKernel,
  gradientSumsKernel,
  combineGradientSumsKernel,
  inputGradientKernel,
] as const;
