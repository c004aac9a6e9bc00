import { d } from 'typegpu';
import addChunksCode from '../../../shaders/add-chunks.wgsl?raw';
import inputGradientCode from '../../../shaders/convolution-input-gradient.wgsl?raw';
import weightGradientCode from '../../../shaders/convolution-weight-gradient.wgsl?raw';
import forwardCode from '../../../shaders/convolution.wgsl?raw';
import type { Convolution } from '../../model/graph';
import { defineKernel, dispatch, vectors } from '../kernel';
import type { OperationModule } from '../operation';
import { convolutionLayout } from '../tensor-layout';
import type { ValueLayout } from '../value';

const windowFields = {
  inHeight: d.u32,
  inWidth: d.u32,
  inBlocks: d.u32,
  outHeight: d.u32,
  outWidth: d.u32,
  outBlocks: d.u32,
  kernel: d.u32,
  stride: d.u32,
  padding: d.u32,
};

const forwardKernel = defineKernel({
  name: 'convolution',
  code: forwardCode,
  entries: {
    params: { uniform: d.struct({ pixels: d.u32, ...windowFields }) },
    x: { storage: vectors },
    weight: { storage: vectors },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const inputGradientKernel = defineKernel({
  name: 'convolution-input-gradient',
  code: inputGradientCode,
  entries: {
    params: {
      uniform: d.struct({ batch: d.u32, ...windowFields, quads: d.u32, accumulate: d.u32 }),
    },
    dy: { storage: vectors },
    weight: { storage: vectors },
    dx: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const weightGradientKernel = defineKernel({
  name: 'convolution-weight-gradient',
  code: weightGradientCode,
  entries: {
    params: {
      uniform: d.struct({
        rows: d.u32,
        rowsPerChunk: d.u32,
        ...windowFields,
        accumulate: d.u32,
      }),
    },
    x: { storage: vectors },
    dy: { storage: vectors },
    chunkSums: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const addChunksKernel = defineKernel({
  name: 'add-chunks',
  code: addChunksCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32, chunks: d.u32 }) },
    chunkSums: { storage: vectors },
    sum: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const convolutionKernels = [
  forwardKernel,
  inputGradientKernel,
  weightGradientKernel,
  addChunksKernel,
] as const;

export const convolution: OperationModule<Convolution> = {
  tensors({ weight, outChannels, inChannels, kernel }) {
    return new Map([[weight, convolutionLayout(outChannels, inChannels, kernel)]]);
  },

  forward(operation, context) {
    const x = context.value(operation.input);
    const y = context.value(operation.output);
    const pixels = y.layout.batch * y.layout.height * y.layout.width;
    return [
      dispatch(forwardKernel, {
        params: { pixels, ...window(operation, x.layout, y.layout) },
        regions: { x: x.region, weight: context.tensor(operation.weight), y: y.region },
        threads: Math.ceil(pixels / 4) * y.layout.blocks,
      }),
    ];
  },

  backwardInput(operation, context) {
    const dx = context.inputGradient(operation.input);
    if (!dx) return [];
    const dy = context.outputGradient(operation.output);
    const { batch, height, width, blocks } = dx.layout;
    const quads = Math.ceil(Math.ceil(width / operation.stride) / 4);
    return [
      dispatch(inputGradientKernel, {
        params: {
          batch,
          ...window(operation, dx.layout, dy.layout),
          quads,
          accumulate: Number(dx.accumulate),
        },
        regions: { dy: dy.region, weight: context.tensor(operation.weight), dx: dx.region },
        threads: batch * height * operation.stride * quads * blocks,
      }),
    ];
  },

  backwardWeight(operation, context) {
    const x = context.value(operation.input);
    const dy = context.outputGradient(operation.output);
    const gradient = context.tensorGradient(operation.weight);
    const taps = operation.kernel ** 2;
    const threadsPerChunk = taps * x.layout.blocks * Math.ceil(dy.layout.blocks / 2);
    const rows = dy.layout.batch * dy.layout.height;
    const rowsPerChunk = Math.ceil(rows / chunkCount(rows, threadsPerChunk));
    const chunks = Math.ceil(rows / rowsPerChunk);
    const chunkSums =
      chunks === 1 ? gradient : context.buffer('chunkSums', chunks * gradient.bytes);
    const partial = dispatch(weightGradientKernel, {
      params: {
        rows,
        rowsPerChunk,
        ...window(operation, x.layout, dy.layout),
        accumulate: Number(chunks === 1),
      },
      regions: { x: x.region, dy: dy.region, chunkSums },
      threads: chunks * threadsPerChunk,
    });
    if (chunks === 1) return [partial];
    const count = gradient.bytes / 16;
    return [
      partial,
      dispatch(addChunksKernel, {
        params: { count, chunks },
        regions: { chunkSums, sum: gradient },
        threads: count,
      }),
    ];
  },
};

/** Enough threads to fill a phone's graphics processor several times over. */
const wantedThreads = 16384;

/** Depends on shapes alone, so that every device sums in one order. */
function chunkCount(rows: number, threadsPerChunk: number): number {
  return Math.min(rows, Math.ceil(wantedThreads / threadsPerChunk));
}

function window({ kernel, stride, padding }: Convolution, input: ValueLayout, output: ValueLayout) {
  return {
    inHeight: input.height,
    inWidth: input.width,
    inBlocks: input.blocks,
    outHeight: output.height,
    outWidth: output.width,
    outBlocks: output.blocks,
    kernel,
    stride,
    padding,
  };
}
