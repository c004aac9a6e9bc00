import { d } from 'typegpu';
import forwardCode from '../../../shaders/add.wgsl?raw';
import inputGradientCode from '../../../shaders/add-input-gradient.wgsl?raw';
import type { Add } from '../../model/graph';
import { defineKernel, dispatch, vectors } from '../kernel';
import type { OperationModule } from '../operation';
import { vectorCount } from '../value';

const forwardKernel = defineKernel({
  name: 'add',
  code: forwardCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32 }) },
    a: { storage: vectors },
    b: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const inputGradientKernel = defineKernel({
  name: 'add-input-gradient',
  code: inputGradientCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32, accumulate: d.u32 }) },
    dy: { storage: vectors },
    dx: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const addKernels = [forwardKernel, inputGradientKernel] as const;

export const add: OperationModule<Add> = {
  forward({ input, other, output }, context) {
    const a = context.value(input);
    const b = context.value(other);
    const y = context.value(output);
    const count = vectorCount(y.layout);
    return [
      dispatch(forwardKernel, {
        params: { count },
        regions: { a: a.region, b: b.region, y: y.region },
        threads: count,
      }),
    ];
  },

  backwardInput({ input, other, output }, context) {
    const dy = context.outputGradient(output);
    const count = vectorCount(dy.layout);
    return [input, other].flatMap((name) => {
      const dx = context.inputGradient(name);
      if (!dx) return [];
      return dispatch(inputGradientKernel, {
        params: { count, accumulate: Number(dx.accumulate) },
        regions: { dy: dy.region, dx: dx.region },
        threads: count,
      });
    });
  },
};
