import type { PlannedOperation } from '../fusion';
import type { Kernel } from '../kernel';
import type { OperationModule } from '../operation';
import { adamwKernels } from './adamw';
import { add, addKernels } from './add';
import { batchNorm } from './batch-norm';
import { batchNormKernels } from './batch-norm-kernels';
import { batchNormRelu } from './batch-norm-relu';
import { batchNormReluKernels } from './batch-norm-relu-kernels';
import { boundaryKernels } from './boundary';
import { convolution } from './convolution';
import { convolutionKernels } from './convolution-kernels';
import { globalAveragePool, globalAveragePoolKernels } from './global-average-pool';
import { linear, linearKernels } from './linear';
import { maxPool, maxPoolKernels } from './max-pool';
import { padShortcut, padShortcutKernels } from './pad-shortcut';
import { relu, reluKernels } from './relu';
import { sgdKernels } from './sgd';
import { softmaxCrossEntropyKernels } from './softmax-cross-entropy';

export type OperationModules = {
  readonly [Kind in PlannedOperation['kind']]: OperationModule<
    Extract<PlannedOperation, { kind: Kind }>
  >;
};

export const operationModules: OperationModules = {
  relu,
  add,
  batchNorm,
  batchNormRelu,
  convolution,
  globalAveragePool,
  linear,
  maxPool,
  padShortcut,
};

/** Every kernel: one a `.wgsl` file. */
export const kernels = [
  ...reluKernels,
  ...adamwKernels,
  ...addKernels,
  ...batchNormKernels,
  ...batchNormReluKernels,
  ...boundaryKernels,
  ...convolutionKernels,
  ...globalAveragePoolKernels,
  ...linearKernels,
  ...maxPoolKernels,
  ...padShortcutKernels,
  ...sgdKernels,
  ...softmaxCrossEntropyKernels,
] as readonly Kernel[];
