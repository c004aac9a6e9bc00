import { d, writeToArrayBuffer } from 'typegpu';
import code from '../../../shaders/adamw.wgsl?raw';
import type { OptimizerConfig } from '../../engine';
import { defineKernel, dispatch, vectors } from '../kernel';
import type { OptimizerModule } from '../optimizer';

const stepStruct = d.struct({ decay: d.f32, stepSize: d.f32, deviationScale: d.f32 });

const kernel = defineKernel({
  name: 'adamw',
  code,
  entries: {
    params: {
      uniform: d.struct({
        count: d.u32,
        gradientScale: d.f32,
        beta1: d.f32,
        oneMinusBeta1: d.f32,
        beta2: d.f32,
        oneMinusBeta2: d.f32,
        epsilon: d.f32,
      }),
    },
    step: { uniform: stepStruct },
    parameters: { storage: vectors, access: 'mutable' },
    gradients: { storage: vectors, access: 'mutable' },
    expAvg: { storage: vectors, access: 'mutable' },
    expAvgSq: { storage: vectors, access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

export const adamwKernels = [kernel] as const;

export const adamw: OptimizerModule<Extract<OptimizerConfig, { kind: 'adamw' }>> = {
  dispatches({ beta1, beta2, epsilon }, memory) {
    const { parameters, gradients, slots, step, gradientScale } = memory;
    const [expAvg, expAvgSq] = slots;
    if (!expAvg || !expAvgSq) throw new Error('AdamW: expected two slots, exp_avg and exp_avg_sq');
    const count = parameters.bytes / 16;
    return [
      dispatch(kernel, {
        params: {
          count,
          gradientScale,
          beta1,
          oneMinusBeta1: 1 - beta1,
          beta2,
          oneMinusBeta2: 1 - beta2,
          epsilon,
        },
        regions: { step, parameters, gradients, expAvg, expAvgSq },
        threads: count,
      }),
    ];
  },

  encodeStep({ beta1, beta2, weightDecay }, { learningRate, step }) {
    const bytes = new ArrayBuffer(d.sizeOf(stepStruct));
    writeToArrayBuffer(bytes, stepStruct, {
      decay: 1 - learningRate * weightDecay,
      stepSize: learningRate / (1 - beta1 ** step),
      deviationScale: 1 / Math.sqrt(1 - beta2 ** step),
    });
    return bytes;
  },
};
