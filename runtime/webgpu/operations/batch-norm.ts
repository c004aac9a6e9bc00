import type { BatchNorm } from '../../model/graph';
import { dispatch, type Dispatch } from '../kernel';
import type { OperationContext, OperationModule } from '../operation';
import { vectorLayout } from '../tensor-layout';
import {
  evaluationKernel,
  forwardKernel,
  gradientSumsKernel,
  inputGradientKernel,
} from './batch-norm-kernels';
import {
  combineGradientSums,
  divide,
  gradientSumsOf,
  partialsOf,
  statisticsOf,
  takeStatistics,
} from './batch-norm-sums';

export const batchNorm: OperationModule<BatchNorm> = {
  tensors({ weight, bias, runningMean, runningVar, channels }) {
    const layout = vectorLayout(channels);
    return new Map([weight, bias, runningMean, runningVar].map((name) => [name, layout]));
  },

  forward: (operation, context) => [
    ...takeStatistics(operation, context),
    normalise(operation, context),
  ],

  // With the statistics as they were taken: taking them again would move the running ones twice.
  recompute: (operation, context) => [normalise(operation, context)],

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
    const division = divide(layout);
    const { count, blocks, pixels, chunks, elementThreads } = division;
    const statistics = statisticsOf(operation, context, blocks);
    const ofParameters = [
      dispatch(gradientSumsKernel, {
        params: { count, threads: blocks * chunks, blocks },
        regions: {
          x,
          dy,
          statistics,
          partials: partialsOf(operation, context, blocks * chunks),
        },
        threads: blocks * chunks,
      }),
      combineGradientSums(operation, context, division),
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
        sums: gradientSumsOf(operation, context, blocks),
        weight: context.tensor(operation.weight),
        dx: dx.region,
      },
      threads: elementThreads,
    });
    return [...ofParameters, ofInput];
  },
};

function normalise(operation: BatchNorm, context: OperationContext): Dispatch {
  const x = context.value(operation.input);
  const { count, blocks, elementThreads } = divide(x.layout);
  return dispatch(forwardKernel, {
    params: { count, threads: elementThreads, blocks },
    regions: {
      x: x.region,
      statistics: statisticsOf(operation, context, blocks),
      weight: context.tensor(operation.weight),
      bias: context.tensor(operation.bias),
      y: context.value(operation.output).region,
    },
    threads: elementThreads,
  });
}
