import { d, writeToArrayBuffer } from 'typegpu';
import plainCode from '../../../shaders/sgd.wgsl?raw';
import momentumCode from '../../../shaders/sgd-momentum.wgsl?raw';
import type { OptimizerConfig } from '../../engine';
import { defineKernel, dispatch, vectors } from '../kernel';
import type { OptimizerModule } from '../optimizer';

const stepStruct = d.struct({ learningRate: d.f32 });

const plainKernel = defineKernel({
  name: 'sgd',
  code: plainCode,
  entries: {
    params: { uniform: d.struct({ count: d.u32, gradientScale: d.f32, weightDecay: d.f32 }) },
    step: { uniform: stepStruct },
    parameters: { storage: vectors, access: 'mutable' },
    gradients: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const momentumKernel = defineKernel({
  name: 'sgd-momentum',
  code: momentumCode,
  entries: {
    params: {
      uniform: d.struct({
        count: d.u32,
        gradientScale: d.f32,
        momentum: d.f32,
        nesterov: d.u32,
        weightDecay: d.f32,
      }),
    },
    step: { uniform: stepStruct },
    parameters: { storage: vectors, access: 'mutable' },
    gradients: { storage: vectors, access: 'mutable' },
    momentumBuffer: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const sgdKernels = [plainKernel, momentumKernel] as const;

export const sgd: OptimizerModule<Extract<OptimizerConfig, { kind: 'sgd' }>> = {
  dispatches({ momentum, nesterov, weightDecay }, memory) {
    const { parameters, gradients, slots, step, gradientScale } = memory;
    const count = parameters.bytes / 16;
    const [momentumBuffer] = slots;
    if (!momentumBuffer) {
      const params = { count, gradientScale, weightDecay };
      const regions = { step, parameters, gradients };
      return [dispatch(plainKernel, { params, regions, threads: count })];
    }
    return [
      dispatch(momentumKernel, {
        params: { count, gradientScale, momentum, nesterov: Number(nesterov), weightDecay },
        regions: { step, parameters, gradients, momentumBuffer },
        threads: count,
      }),
    ];
  },

  encodeStep(_config, { learningRate }) {
    const bytes = new ArrayBuffer(d.sizeOf(stepStruct));
    writeToArrayBuffer(bytes, stepStruct, { learningRate });
    return bytes;
  },
};
