import { d } from 'typegpu';
import forwardCode from '../../../shaders/pad-shortcut.wgsl?raw';
import inputGradientCode from '../../../shaders/pad-shortcut-input-gradient.wgsl?raw';
import type { PadShortcut } from '../../model/graph';
import { defineKernel, dispatch, vectors } from '../kernel';
import type { OperationModule } from '../operation';
import type { ValueLayout } from '../value';

const sizes = {
  height: d.u32,
  width: d.u32,
  inChannels: d.u32,
  inBlocks: d.u32,
  outHeight: d.u32,
  outWidth: d.u32,
  outBlocks: d.u32,
  stride: d.u32,
  before: d.u32,
};

const forwardKernel = defineKernel({
  name: 'pad-shortcut',
  code: forwardCode,
  entries: {
    params: { uniform: d.struct(sizes) },
    x: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const inputGradientKernel = defineKernel({
  name: 'pad-shortcut-input-gradient',
  code: inputGradientCode,
  entries: {
    params: { uniform: d.struct({ ...sizes, accumulate: d.u32 }) },
    dy: { storage: vectors },
    dx: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const padShortcutKernels = [forwardKernel, inputGradientKernel] as const;

export const padShortcut: OperationModule<PadShortcut> = {
  forward(operation, context) {
    const x = context.value(operation.input);
    const y = context.value(operation.output);
    const { batch, height, width, blocks } = y.layout;
    return [
      dispatch(forwardKernel, {
        params: sizesOf(operation, x.layout, y.layout),
        regions: { x: x.region, y: y.region },
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
        regions: { dy: dy.region, dx: dx.region },
        threads: [width * blocks, height, batch],
      }),
    ];
  },
};

function sizesOf(
  { inChannels, outChannels, stride }: PadShortcut,
  input: ValueLayout,
  output: ValueLayout,
) {
  return {
    height: input.height,
    width: input.width,
    inChannels,
    inBlocks: input.blocks,
    outHeight: output.height,
    outWidth: output.width,
    outBlocks: output.blocks,
    stride,
    before: (outChannels - inChannels) / 2,
  };
}
