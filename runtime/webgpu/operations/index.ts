import type { Operation } from '../../model/graph';
import type { Kernel } from '../kernel';
import type { OperationModule } from '../operation';
import { relu, reluKernels } from './relu';

type Modules = {
  readonly [Kind in Operation['kind']]: OperationModule<Extract<Operation, { kind: Kind }>>;
};

export const operationModules: Partial<Modules> = { relu };

/** Every kernel: one a `.wgsl` file. */
export const kernels = [...reluKernels] as readonly Kernel[];
