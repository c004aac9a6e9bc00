import type { BatchNorm } from '../../model/graph';
import { dispatch } from '../kernel';
import type { Region } from '../memory';
import type { OperationContext, OperationModule } from '../operation';
import { vectorLayout } from '../tensor-layout';
import { vectorCount, type ValueLayout } from '../value';
import {
  combineGradientSumsKernel,
  combineStatisticsKernel,
  evaluationKernel,
  forwardKernel,
  gradientSumsKernel,
  inputGradientKernel,
  statisticsKernel,
} from './batch-norm-kernels';

/** A few times what the largest iPhone's GPU keeps resident. */
const reductionThreads = 8192;

/** Fewer pixels than this don't pay for a chunk of their own. */
const minPixelsPerChunk = 8;

/** How the kernels divide a value: see `batch-norm-statistics.wgsl` for the chunks. */
interface Division {
  readonly count: number;
  readonly blocks: number;
  readonly pixels: number;
  readonly chunks: number;
  /** Of the kernels in which a thread does four vectors of one block. */
  readonly elementThreads: number;
}

function divide(layout: ValueLayout): Division {
  const { batch, height, width, blocks } = layout;
  const pixels = batch * height * width;
  const wanted = Math.ceil(reductionThreads / blocks);
  return {
    count: vectorCount(layout),
    blocks,
    pixels,
    chunks: Math.min(wanted, Math.ceil(pixels / minPixelsPerChunk)),
    elementThreads: Math.ceil(pixels / 4) * blocks,
  };
}

export const batchNorm: OperationModule<BatchNorm> = {
  tensors({ weight, bias, runningMean, runningVar, channels }) {
    const layout = vectorLayout(channels);
    return new Map([weight, bias, runningMean, runningVar].map((name) => [name, layout]));
  },

  forward(operation, context) {
    const x = context.value(operation.input);
    const y = context.value(operation.output);
    const { count, blocks, pixels, chunks, elementThreads } = divide(x.layout);
    const { epsilon, momentum } = operation;
    const partials = partialsOf(operation, context, blocks * chunks);
    const statistics = statisticsOf(operation, context, blocks);
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
          statistics,
        },
        threads: blocks * 64,
      }),
      dispatch(forwardKernel, {
        params: { count, threads: elementThreads, blocks },
        regions: {
          x: x.region,
          statistics,
          weight: context.tensor(operation.weight),
          bias: context.tensor(operation.bias),
          y: y.region,
        },
        threads: elementThreads,
      }),
    ];
  },

  evaluate(operation, context) {
    const x = context.value(operation.input);
    const { count, blocks, elementThreads } = divide(x.layout);
    return [
      dispatch(evaluationKernel, {
        params: { count, threads: elementThreads, blocks, epsilon: operation.epsilon },
        regions: {
          x: x.region,
          runningMean: context.tensor(operation.runningMean),
          runningVar: context.tensor(operation.runningVar),
          weight: context.tensor(operation.weight),
          bias: context.tensor(operation.bias),
          y: context.value(operation.output).region,
        },
        threads: elementThreads,
      }),
    ];
  },

  // The input gradient needs the two sums that are also the gradients of bias and weight, so those
  // are added here and nothing is left for a `backwardWeight`.
  backwardInput(operation, context) {
    const { layout, region: x } = context.value(operation.input);
    const { region: dy } = context.outputGradient(operation.output);
    const { count, blocks, pixels, chunks, elementThreads } = divide(layout);
    const partials = partialsOf(operation, context, blocks * chunks);
    const statistics = statisticsOf(operation, context, blocks);
    const sums = context.buffer(`${operation.output}.sums`, blocks * 32);
    const ofParameters = [
      dispatch(gradientSumsKernel, {
        params: { count, threads: blocks * chunks, blocks },
        regions: { x, dy, statistics, partials },
        threads: blocks * chunks,
      }),
      dispatch(combineGradientSumsKernel, {
        params: { blocks, chunks },
        regions: {
          partials,
          sums,
          dWeight: context.tensorGradient(operation.weight),
          dBias: context.tensorGradient(operation.bias),
        },
        threads: blocks * 64,
      }),
    ];
    const dx = context.inputGradient(operation.input);
    if (!dx) return ofParameters;
    const ofInput = dispatch(inputGradientKernel, {
      params: {
        count,
        threads: elementThreads,
        blocks,
        accumulate: Number(dx.accumulate),
        inversePixels: 1 / pixels,
      },
      regions: {
        x,
        dy,
        statistics,
        sums,
        weight: context.tensor(operation.weight),
        dx: dx.region,
      },
      threads: elementThreads,
    });
    return [...ofParameters, ofInput];
  },
};

/** Two vec4f a thread of the reduction; nothing in it outlives its pass. */
function partialsOf({ output }: BatchNorm, context: OperationContext, threads: number): Region {
  return context.buffer(`${output}.partials`, threads * 32);
}

/** Mean and 1 / sqrt(variance + epsilon) of the micro-batch, kept for the backward. */
function statisticsOf({ output }: BatchNorm, context: OperationContext, blocks: number): Region {
  return context.buffer(`${output}.statistics`, blocks * 32);
}
