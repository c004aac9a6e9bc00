import { d } from 'typegpu';
import toNchwCode from '../../../shaders/nhwc-to-nchw.wgsl?raw';
import toNhwcCode from '../../../shaders/nchw-to-nhwc.wgsl?raw';
import { defineKernel, dispatch, vectors, type Dispatch } from '../kernel';
import type { Region } from '../memory';
import { vectorCount, type Value, type ValueLayout } from '../value';

const Params = d.struct({
  batch: d.u32,
  pixels: d.u32,
  channels: d.u32,
  blocks: d.u32,
  scale: d.f32,
});
const floats = d.arrayOf(d.f32);

const toNhwcKernel = defineKernel({
  name: 'nchw-to-nhwc',
  code: toNhwcCode,
  entries: {
    params: { uniform: Params },
    x: { storage: floats },
    y: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const toNchwKernel = defineKernel({
  name: 'nhwc-to-nchw',
  code: toNchwCode,
  entries: {
    params: { uniform: Params },
    x: { storage: vectors },
    y: { storage: floats, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const boundaryKernels = [toNhwcKernel, toNchwKernel] as const;

/** Bytes of a value as it crosses a stage boundary: NCHW without padding. */
export function boundaryBytes({ batch, height, width, channels }: ValueLayout): number {
  return batch * height * width * channels * 4;
}

/** Reads a value, times `scale`, from a tensor in NCHW order. */
export function fromBoundary(tensor: Region, { layout, region }: Value, scale = 1): Dispatch {
  return dispatch(toNhwcKernel, {
    params: sizes(layout, scale),
    regions: { x: tensor, y: region },
    threads: vectorCount(layout),
  });
}

/** Writes a value, times `scale`, to a tensor in NCHW order. */
export function toBoundary({ layout, region }: Value, tensor: Region, scale = 1): Dispatch {
  return dispatch(toNchwKernel, {
    params: sizes(layout, scale),
    regions: { x: region, y: tensor },
    threads: vectorCount(layout),
  });
}

function sizes({ batch, height, width, channels, blocks }: ValueLayout, scale: number) {
  return { batch, pixels: height * width, channels, blocks, scale };
}
