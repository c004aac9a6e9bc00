import { d } from 'typegpu';
import addChunksCode from '../../../shaders/add-chunks.wgsl?raw';
import forward4x1Code from '../../../shaders/convolution-4x1.wgsl?raw';
import forward4x2Code from '../../../shaders/convolution-4x2.wgsl?raw';
import forward8x2Code from '../../../shaders/convolution-8x2.wgsl?raw';
import inputGradient4x1Code from '../../../shaders/convolution-input-gradient-4x1.wgsl?raw';
import inputGradient4x2Code from '../../../shaders/convolution-input-gradient-4x2.wgsl?raw';
import inputGradient8x2Code from '../../../shaders/convolution-input-gradient-8x2.wgsl?raw';
import weightGradient1x2Code from '../../../shaders/convolution-weight-gradient-1x2.wgsl?raw';
import weightGradient2x2Code from '../../../shaders/convolution-weight-gradient-2x2.wgsl?raw';
import weightGradientRow1x1Code from '../../../shaders/convolution-weight-gradient-row-1x1.wgsl?raw';
import weightGradientRow1x2Code from '../../../shaders/convolution-weight-gradient-row-1x2.wgsl?raw';
import type { Convolution } from '../../model/graph';
import { defineKernel, vectors } from '../kernel';

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

const forwardEntries = {
  params: { uniform: d.struct({ pixels: d.u32, ...windowFields }) },
  x: { storage: vectors },
  weight: { storage: vectors },
  y: { storage: vectors, access: 'mutable' },
} as const;

const inputGradientEntries = {
  params: { uniform: d.struct({ batch: d.u32, ...windowFields, accumulate: d.u32 }) },
  dy: { storage: vectors },
  weight: { storage: vectors },
  dx: { storage: vectors, access: 'mutable' },
} as const;

const weightGradientEntries = {
  params: {
    uniform: d.struct({ rows: d.u32, rowsPerChunk: d.u32, ...windowFields, accumulate: d.u32 }),
  },
  x: { storage: vectors },
  dy: { storage: vectors },
  chunkSums: { storage: vectors, access: 'mutable' },
} as const;

const forwardKernel = (name: string, code: string) =>
  defineKernel({ name, code, entries: forwardEntries, workgroupSize: [8, 8, 1] });

const inputGradientKernel = (name: string, code: string) =>
  defineKernel({ name, code, entries: inputGradientEntries, workgroupSize: [8, 8, 1] });

const weightGradientKernel = (name: string, code: string) =>
  defineKernel({ name, code, entries: weightGradientEntries, workgroupSize: [64, 1, 1] });

/** Pixels x channel blocks that a thread makes; the smallest first. */
export const forwardTiles = [
  { pixels: 4, blocks: 1, kernel: forwardKernel('convolution-4x1', forward4x1Code) },
  { pixels: 4, blocks: 2, kernel: forwardKernel('convolution-4x2', forward4x2Code) },
  { pixels: 8, blocks: 2, kernel: forwardKernel('convolution-8x2', forward8x2Code) },
] as const;

/** As {@link forwardTiles}; a thread's pixels are of one class. */
export const inputGradientTiles = [
  {
    pixels: 4,
    blocks: 1,
    kernel: inputGradientKernel('convolution-input-gradient-4x1', inputGradient4x1Code),
  },
  {
    pixels: 4,
    blocks: 2,
    kernel: inputGradientKernel('convolution-input-gradient-4x2', inputGradient4x2Code),
  },
  {
    pixels: 8,
    blocks: 2,
    kernel: inputGradientKernel('convolution-input-gradient-8x2', inputGradient8x2Code),
  },
] as const;

/** Input blocks x output blocks of one or three taps that a thread makes; the smallest first. */
const anyWeightGradientTiles = [
  {
    taps: 1,
    inBlocks: 1,
    outBlocks: 2,
    kernel: weightGradientKernel('convolution-weight-gradient-1x2', weightGradient1x2Code),
  },
  {
    taps: 1,
    inBlocks: 2,
    outBlocks: 2,
    kernel: weightGradientKernel('convolution-weight-gradient-2x2', weightGradient2x2Code),
  },
] as const;

/** For kernel 3, stride 1, padding 1: the three taps of a row at once. */
const rowWeightGradientTiles = [
  {
    taps: 3,
    inBlocks: 1,
    outBlocks: 1,
    kernel: weightGradientKernel('convolution-weight-gradient-row-1x1', weightGradientRow1x1Code),
  },
  {
    taps: 3,
    inBlocks: 1,
    outBlocks: 2,
    kernel: weightGradientKernel('convolution-weight-gradient-row-1x2', weightGradientRow1x2Code),
  },
] as const;

/** Those that can make a convolution's weight gradient. */
export function weightGradientTiles({ kernel, stride, padding }: Convolution) {
  const byRows = kernel === 3 && stride === 1 && padding === 1;
  return byRows ? [...anyWeightGradientTiles, ...rowWeightGradientTiles] : anyWeightGradientTiles;
}

export const addChunksKernel = defineKernel({
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
  ...forwardTiles.map(({ kernel }) => kernel),
  ...inputGradientTiles.map(({ kernel }) => kernel),
  ...anyWeightGradientTiles.map(({ kernel }) => kernel),
  ...rowWeightGradientTiles.map(({ kernel }) => kernel),
  addChunksKernel,
] as const;
