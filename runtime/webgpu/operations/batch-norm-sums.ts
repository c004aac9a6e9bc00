import type { BatchNorm } from '../../model/graph';
import { dispatch, type Dispatch } from '../kernel';
import type { Region } from '../memory';
import type { OperationContext } from '../operation';
import { vectorCount, type ValueLayout } from '../value';
import {
  combineGradientSumsKernel,
  combineStatisticsKernel,
  statisticsKernel,
} from './batch-norm-kernels';

/** A few times what the largest iPhone's GPU keeps resident. */
const reductionThreads = 8192;

/** Fewer pixels than this don't pay for a chunk of their own. */
const minPixelsPerChunk = 8;

/** So many chunks, where there are more, are joined by one thread; trees cost barriers. */
const chunksPerLane = 4;

/** Of the workgroups that join chunks. */
const maxLanes = 64;

/** How the kernels divide a value: see `batch-norm-statistics.wgsl` for the chunks. */
interface Division {
  readonly count: number;
  readonly blocks: number;
  readonly pixels: number;
  readonly chunks: number;
  /** Threads that join a block's chunks. */
  readonly lanes: number;
  /** Of the kernels in which a thread does four vectors of one block. */
  readonly elementThreads: number;
}

export function divide(layout: ValueLayout): Division {
  const { batch, height, width, blocks } = layout;
  const pixels = batch * height * width;
  const wanted = Math.ceil(reductionThreads / blocks);
  const chunks = Math.min(wanted, Math.ceil(pixels / minPixelsPerChunk));
  return {
    count: vectorCount(layout),
    blocks,
    pixels,
    chunks,
    lanes: Math.min(maxLanes, 2 ** Math.ceil(Math.log2(Math.ceil(chunks / chunksPerLane)))),
    elementThreads: Math.ceil(pixels / 4) * blocks,
  };
}

/** Reads the input once for its statistics, and moves the running ones. */
export function takeStatistics(operation: BatchNorm, context: OperationContext): Dispatch[] {
  const x = context.value(operation.input);
  const { count, blocks, pixels, chunks, lanes } = divide(x.layout);
  const { epsilon, momentum } = operation;
  const partials = partialsOf(operation, context, blocks * chunks);
  return [
    dispatch(statisticsKernel, {
      params: { count, threads: blocks * chunks },
      regions: { x: x.region, partials },
      threads: blocks * chunks,
    }),
    dispatch(combineStatisticsKernel, {
      params: {
        blocks,
        chunks,
        lanes,
        pixels,
        pixelsPerChunk: Math.floor(pixels / chunks),
        longerChunks: pixels % chunks,
        epsilon,
        momentum,
      },
      regions: {
        partials,
        runningMean: context.tensor(operation.runningMean),
        runningVar: context.tensor(operation.runningVar),
        statistics: statisticsOf(operation, context, blocks),
      },
      threads: blocks * lanes,
    }),
  ];
}

/** Joins the partial sums of the backward and adds them to the parameters' gradients. */
export function combineGradientSums(
  operation: BatchNorm,
  context: OperationContext,
  { blocks, chunks, lanes }: Division,
): Dispatch {
  return dispatch(combineGradientSumsKernel, {
    params: { blocks, chunks, lanes },
    regions: {
      partials: partialsOf(operation, context, blocks * chunks),
      sums: gradientSumsOf(operation, context, blocks),
      dWeight: context.tensorGradient(operation.weight),
      dBias: context.tensorGradient(operation.bias),
    },
    threads: blocks * lanes,
  });
}

/** Two vec4f a thread of the reduction; nothing in it outlives its pass. */
export function partialsOf(
  { output }: BatchNorm,
  context: OperationContext,
  threads: number,
): Region {
  return context.buffer(`${output}.partials`, threads * 32);
}

/** Mean and 1 / sqrt(variance + epsilon) of the micro-batch, kept for the backward. */
export function statisticsOf(
  { output }: BatchNorm,
  context: OperationContext,
  blocks: number,
): Region {
  return context.buffer(`${output}.statistics`, blocks * 32);
}

/** Sums of the gradient and of the gradient times xhat. */
export function gradientSumsOf(
  { output }: BatchNorm,
  context: OperationContext,
  blocks: number,
): Region {
  return context.buffer(`${output}.sums`, blocks * 32);
}
