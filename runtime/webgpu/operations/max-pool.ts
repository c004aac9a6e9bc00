import { d } from 'typegpu';
import forwardCode from '../../../shaders/max-pool.wgsl?raw';
import inputGradientCode from '../../../shaders/max-pool-input-gradient.wgsl?raw';
import type { MaxPool } from '../../model/graph';
import { ShapeError } from '../../tensor';
import { defineKernel, dispatch, vectors } from '../kernel';
import type { Region } from '../memory';
import type { OperationContext, OperationModule } from '../operation';
import { vectorCount, type ValueLayout } from '../value';

const sizes = {
  height: d.u32,
  width: d.u32,
  outHeight: d.u32,
  outWidth: d.u32,
  blocks: d.u32,
  kernel: d.u32,
  stride: d.u32,
  padding: d.u32,
};

const forwardKernel = defineKernel({
  name: 'max-pool',
  code: forwardCode,
  entries: {
    params: { uniform: d.struct(sizes) },
    x: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
    taps: { storage: d.arrayOf(d.u32), access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const inputGradientKernel = defineKernel({
  name: 'max-pool-input-gradient',
  code: inputGradientCode,
  entries: {
    params: { uniform: d.struct({ ...sizes, accumulate: d.u32 }) },
    dy: { storage: vectors },
    taps: { storage: d.arrayOf(d.u32) },
    dx: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const maxPoolKernels = [forwardKernel, inputGradientKernel] as const;

export const maxPool: OperationModule<MaxPool> = {
  forward(operation, context) {
    const x = context.value(operation.input);
    const y = context.value(operation.output);
    const { batch, height, width, blocks } = y.layout;
    return [
      dispatch(forwardKernel, {
        params: sizesOf(operation, x.layout, y.layout),
        regions: { x: x.region, y: y.region, taps: tapsOf(operation, context, y.layout) },
        threads: [width * blocks, height, batch],
      }),
    ];
  },

  backwardInput(operation, context) {
    const dx = context.inputGradient(operation.input);
    if (!dx) return [];
    const dy = context.outputGradient(operation.output);
    const { batch, height, width, blocks } = dx.layout;
    return [
      dispatch(inputGradientKernel, {
        params: {
          ...sizesOf(operation, dx.layout, dy.layout),
          accumulate: Number(dx.accumulate),
        },
        regions: { dy: dy.region, taps: tapsOf(operation, context, dy.layout), dx: dx.region },
        threads: [width * blocks, height, batch],
      }),
    ];
  },
};

/** Which tap of each window was the largest: a byte a channel. */
function tapsOf({ output }: MaxPool, context: OperationContext, layout: ValueLayout): Region {
  return context.buffer(`${output}.taps`, vectorCount(layout) * 4);
}

function sizesOf(
  { output: name, kernel, stride, padding }: MaxPool,
  input: ValueLayout,
  output: ValueLayout,
) {
  if (kernel > 16) {
    throw new ShapeError(`maxPool '${name}': expected a window of 16x16 at most, got ${kernel}`);
  }
  return {
    height: input.height,
    width: input.width,
    outHeight: output.height,
    outWidth: output.width,
    blocks: output.blocks,
    kernel,
    stride,
    padding,
  };
}
