import { d } from 'typegpu';
import forwardCode from '../../../shaders/global-average-pool.wgsl?raw';
import inputGradientCode from '../../../shaders/global-average-pool-input-gradient.wgsl?raw';
import type { GlobalAveragePool } from '../../model/graph';
import { defineKernel, dispatch, vectors } from '../kernel';
import type { OperationModule } from '../operation';
import { vectorCount } from '../value';

const forwardKernel = defineKernel({
  name: 'global-average-pool',
  code: forwardCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32, pixels: d.u32, blocks: d.u32 }) },
    x: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const inputGradientKernel = defineKernel({
  name: 'global-average-pool-input-gradient',
  code: inputGradientCode,
  entries: {
    params: { uniform: d.struct({ pixels: d.u32, blocks: d.u32, accumulate: d.u32 }) },
    dy: { storage: vectors },
    dx: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const globalAveragePoolKernels = [forwardKernel, inputGradientKernel] as const;

export const globalAveragePool: OperationModule<GlobalAveragePool> = {
  forward({ input, output }, context) {
    const x = context.value(input);
    const y = context.value(output);
    const count = vectorCount(y.layout);
    const { height, width, blocks } = x.layout;
    return [
      dispatch(forwardKernel, {
        params: { count, pixels: height * width, blocks },
        regions: { x: x.region, y: y.region },
        threads: count,
      }),
    ];
  },

  backwardInput({ input, output }, context) {
    const dx = context.inputGradient(input);
    if (!dx) return [];
    const dy = context.outputGradient(output);
    const { batch, height, width, blocks } = dx.layout;
    const pixels = height * width;
    return [
      dispatch(inputGradientKernel, {
        params: { pixels, blocks, accumulate: Number(dx.accumulate) },
        regions: { dy: dy.region, dx: dx.region },
        threads: [pixels * blocks, batch, 1],
      }),
    ];
  },
};
