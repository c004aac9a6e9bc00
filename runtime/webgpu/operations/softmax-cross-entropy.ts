import { d } from 'typegpu';
import sampleCode from '../../../shaders/softmax-cross-entropy.wgsl?raw';
import meanCode from '../../../shaders/softmax-cross-entropy-mean.wgsl?raw';
import { defineKernel, dispatch, vectors, type Dispatch } from '../kernel';
import type { Region } from '../memory';
import type { Value } from '../value';

const sampleKernel = defineKernel({
  name: 'softmax-cross-entropy',
  code: sampleCode,
  entries: {
    params: {
      uniform: d.struct({
        classes: d.u32,
        blocks: d.u32,
        labelSmoothing: d.f32,
        gradientScale: d.f32,
      }),
    },
    logits: { storage: vectors },
    labels: { storage: d.arrayOf(d.i32) },
    gradient: { storage: vectors, access: 'mutable' },
    samples: { storage: d.arrayOf(d.vec2f), access: 'mutable' },
  },
  workgroupSize: [64, 1, 1],
});

const meanKernel = defineKernel({
  name: 'softmax-cross-entropy-mean',
  code: meanCode,
  entries: {
    params: { uniform: d.struct({ batch: d.u32 }) },
    samples: { storage: d.arrayOf(d.vec2f) },
    result: { storage: d.arrayOf(d.vec2f), access: 'mutable' },
  },
  workgroupSize: [1, 1, 1],
});

export const softmaxCrossEntropyKernels = [sampleKernel, meanKernel] as const;

/** The memory and the constants of the loss of one micro-batch. */
export interface SoftmaxCrossEntropy {
  /** (N, classes). */
  readonly logits: Value;
  /** N i32, each from 0 to classes - 1. */
  readonly labels: Region;
  /** Written: the loss's gradient, times `gradientScale`. */
  readonly gradient: Value;
  /** Written, 2 f32: the mean loss, and how many have their label as the first largest logit. */
  readonly result: Region;
  readonly labelSmoothing: number;
  /** 1 / (microBatchSize numMicroBatches): the share of one sample in the step's mean. */
  readonly gradientScale: number;
  buffer(label: string, bytes: number): Region;
}

/** Softmax cross-entropy against smoothed labels, and its gradient. */
export function softmaxCrossEntropy(run: SoftmaxCrossEntropy): readonly Dispatch[] {
  const { logits, labels, gradient, result, labelSmoothing, gradientScale } = run;
  const { batch, channels, blocks } = logits.layout;
  const samples = run.buffer('softmaxCrossEntropy.samples', batch * 8);
  return [
    dispatch(sampleKernel, {
      params: { classes: channels, blocks, labelSmoothing, gradientScale },
      regions: { logits: logits.region, labels, gradient: gradient.region, samples },
      threads: [batch * 64, 1, 1],
    }),
    dispatch(meanKernel, { params: { batch }, regions: { samples, result }, threads: 1 }),
  ];
}
