import type { BatchNormRelu } from '../fusion';
import { dispatch, type Dispatch } from '../kernel';
import type { OperationContext, OperationModule } from '../operation';
import { add } from './add';
import { batchNorm } from './batch-norm';
import {
  addReluGradientSumsKernel,
  addReluKernel,
  reluGradientSumsKernel,
  reluInputGradientKernel,
  reluKernel,
} from './batch-norm-relu-kernels';
import {
  combineGradientSums,
  divide,
  gradientSumsOf,
  partialsOf,
  statisticsOf,
  takeStatistics,
} from './batch-norm-sums';
import { relu } from './relu';

/** Batch norm, the sum with a shortcut where there is one, and ReLU, in one reading each way. */
export const batchNormRelu: OperationModule<BatchNormRelu> = {
  tensors: ({ batchNorm: norm }) => batchNorm.tensors?.(norm) ?? new Map(),

  forward: (operation, context) => [
    ...takeStatistics(operation.batchNorm, context),
    normalise(operation, context),
  ],

  // As batch norm's.
  recompute: (operation, context) => [normalise(operation, context)],

  evaluate({ batchNorm: norm, add: sum, relu: last }, context) {
    return [
      ...(batchNorm.evaluate?.(norm, context) ?? []),
      ...(sum ? add.forward(sum.operation, context) : []),
      ...relu.forward(last, context),
    ];
  },

  backwardInput(operation, context) {
    const { batchNorm: norm, output } = operation;
    const x = context.value(norm.input);
    const y = context.value(output).region;
    const dy = context.outputGradient(output).region;
    const division = divide(x.layout);
    const { count, blocks, pixels, elementThreads } = division;
    const ofParameters = [
      gradientSums(operation, context),
      combineGradientSums(norm, context, division),
    ];
    const dx = context.inputGradient(norm.input);
    if (!dx) return ofParameters;
    const ofInput = dispatch(reluInputGradientKernel, {
      params: {
        count,
        threads: elementThreads,
        blocks,
        accumulate: Number(dx.accumulate),
        inversePixels: 1 / pixels,
      },
      regions: {
        x: x.region,
        y,
        dy,
        statistics: statisticsOf(norm, context, blocks),
        sums: gradientSumsOf(norm, context, blocks),
        weight: context.tensor(norm.weight),
        dx: dx.region,
      },
      threads: elementThreads,
    });
    return [...ofParameters, ofInput];
  },
};

function normalise(
  { batchNorm: norm, add: sum, output }: BatchNormRelu,
  context: OperationContext,
): Dispatch {
  const x = context.value(norm.input);
  const { count, blocks, elementThreads } = divide(x.layout);
  const params = { count, threads: elementThreads, blocks };
  const regions = {
    x: x.region,
    statistics: statisticsOf(norm, context, blocks),
    weight: context.tensor(norm.weight),
    bias: context.tensor(norm.bias),
    y: context.value(output).region,
  };
  const threads = elementThreads;
  if (!sum) return dispatch(reluKernel, { params, regions, threads });
  return dispatch(addReluKernel, {
    params,
    regions: { ...regions, shortcut: context.value(sum.shortcut).region },
    threads,
  });
}

/** The sums; on the way, the gradient of the shortcut. */
function gradientSums(
  { batchNorm: norm, add: sum, output }: BatchNormRelu,
  context: OperationContext,
): Dispatch {
  const x = context.value(norm.input);
  const { count, blocks, chunks } = divide(x.layout);
  const threads = blocks * chunks;
  const params = { count, threads, blocks };
  const regions = {
    x: x.region,
    y: context.value(output).region,
    dy: context.outputGradient(output).region,
    statistics: statisticsOf(norm, context, blocks),
    partials: partialsOf(norm, context, threads),
  };
  const dShortcut = sum && context.inputGradient(sum.shortcut);
  if (!dShortcut) return dispatch(reluGradientSumsKernel, { params, regions, threads });
  return dispatch(addReluGradientSumsKernel, {
    params: { ...params, accumulate: Number(dShortcut.accumulate) },
    regions: { ...regions, dShortcut: dShortcut.region },
    threads,
  });
}
