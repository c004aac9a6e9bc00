import { d } from 'typegpu';
import inputGradientCode from '../../../shaders/linear-input-gradient.wgsl?raw';
import weightGradientCode from '../../../shaders/linear-weight-gradient.wgsl?raw';
import forwardCode from '../../../shaders/linear.wgsl?raw';
import type { Linear } from '../../model/graph';
import { defineKernel, dispatch, vectors } from '../kernel';
import type { OperationModule } from '../operation';
import { linearLayout, vectorLayout } from '../tensor-layout';

const sizes = { batch: d.u32, inBlocks: d.u32, outBlocks: d.u32 };

const forwardKernel = defineKernel({
  name: 'linear',
  code: forwardCode,
  entries: {
    params: { uniform: d.struct(sizes) },
    x: { storage: vectors },
    weight: { storage: vectors },
    bias: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const inputGradientKernel = defineKernel({
  name: 'linear-input-gradient',
  code: inputGradientCode,
  entries: {
    params: { uniform: d.struct({ ...sizes, accumulate: d.u32 }) },
    dy: { storage: vectors },
    weight: { storage: vectors },
    dx: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const weightGradientKernel = defineKernel({
  name: 'linear-weight-gradient',
  code: weightGradientCode,
  entries: {
    params: { uniform: d.struct(sizes) },
    x: { storage: vectors },
    dy: { storage: vectors },
    dweight: { storage: vectors, access: 'mutable' },
    dbias: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const linearKernels = [forwardKernel, inputGradientKernel, weightGradientKernel] as const;

export const linear: OperationModule<Linear> = {
  tensors({ weight, bias, inFeatures, outFeatures }) {
    return new Map([
      [weight, linearLayout(outFeatures, inFeatures)],
      [bias, vectorLayout(outFeatures)],
    ]);
  },

  forward({ input, output, weight, bias }, context) {
    const x = context.value(input);
    const y = context.value(output);
    const { batch, blocks } = y.layout;
    return [
      dispatch(forwardKernel, {
        params: { batch, inBlocks: x.layout.blocks, outBlocks: blocks },
        regions: {
          x: x.region,
          weight: context.tensor(weight),
          bias: context.tensor(bias),
          y: y.region,
        },
        threads: batch * blocks,
      }),
    ];
  },

  backwardInput({ input, output, weight }, context) {
    const dx = context.inputGradient(input);
    if (!dx) return [];
    const dy = context.outputGradient(output);
    const { batch, blocks } = dx.layout;
    return [
      dispatch(inputGradientKernel, {
        params: {
          batch,
          inBlocks: blocks,
          outBlocks: dy.layout.blocks,
          accumulate: Number(dx.accumulate),
        },
        regions: { dy: dy.region, weight: context.tensor(weight), dx: dx.region },
        threads: batch * blocks,
      }),
    ];
  },

  backwardWeight({ input, output, weight, bias }, context) {
    const x = context.value(input);
    const dy = context.outputGradient(output);
    const inBlocks = x.layout.blocks;
    const { batch, blocks: outBlocks } = dy.layout;
    return [
      dispatch(weightGradientKernel, {
        params: { batch, inBlocks, outBlocks },
        regions: {
          x: x.region,
          dy: dy.region,
          dweight: context.tensorGradient(weight),
          dbias: context.tensorGradient(bias),
        },
        threads: (inBlocks + 1) * outBlocks,
      }),
    ];
  },
};
