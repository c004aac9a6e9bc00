import { d } from 'typegpu';
import forwardCode from '../../../shaders/relu.wgsl?raw';
import inputGradientCode from '../../../shaders/relu-input-gradient.wgsl?raw';
import type { Relu } from '../../model/graph';
import { defineKernel, dispatch, vectors } from '../kernel';
import type { OperationModule } from '../operation';
import { vectorCount } from '../value';

const forwardKernel = defineKernel({
  name: 'relu',
  code: forwardCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32 }) },
    x: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const inputGradientKernel = defineKernel({
  name: 'relu-input-gradient',
  code: inputGradientCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32, accumulate: d.u32 }) },
    y: { storage: vectors },
    dy: { storage: vectors },
    dx: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const reluKernels = [forwardKernel, inputGradientKernel] as const;

export const relu: OperationModule<Relu> = {
  forward({ input, output }, context) {
    const x = context.value(input);
    const y = context.value(output);
    const count = vectorCount(y.layout);
    return [
      dispatch(forwardKernel, {
        params: { count },
        regions: { x: x.region, y: y.region },
        threads: count,
      }),
    ];
  },

  backwardInput({ input, output }, context) {
    const dx = context.inputGradient(input);
    if (!dx) return [];
    const y = context.value(output);
    const dy = context.outputGradient(output);
    const count = vectorCount(y.layout);
    return [
      dispatch(inputGradientKernel, {
        params: { count, accumulate: Number(dx.accumulate) },
        regions: { y: y.region, dy: dy.region, dx: dx.region },
        threads: count,
      }),
    ];
  },
};
