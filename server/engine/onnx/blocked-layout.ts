import * as ort from 'onnxruntime-node';
import type { Shape } from '../../../runtime/tensor';
import { ModelBuilder, type Value } from './model-builder';

/*
 * ONNX Runtime's blocked layout (N, C / B, H, W, B), in which its convolutions run up to twice as
 * fast. Its operators are internal and undocumented: the block size depends on the processor, and
 * some have none. So it is found by trying, and where no size gives what the standard operator
 * gives, the standard one is used.
 *
 * A blocked tensor keeps the shape (N, C, H, W), so that a standard operator would misread it
 * silently: none leaves this file.
 */
const domain = 'com.microsoft.nchwc';

/** @param weight (outChannels, inChannels, k, k) in the order that {@link blockWeights} gives */
export function blockedConvolution(
  graph: ModelBuilder,
  input: Value,
  weight: Value,
  outputShape: Shape,
  { stride, padding }: { stride: number; padding: number },
  bias?: Value,
): Value {
  const [, channels = 0] = outputShape;
  const [, , kernel = 0] = weight.shape;
  const blocked = graph.node('ReorderInput', [input], input.shape, {}, domain);
  const attributes = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
  const inputs = bias ? [blocked, weight, bias] : [blocked, weight];
  const output = graph.node('Conv', inputs, outputShape, attributes, domain);
  return graph.node('ReorderOutput', [output], outputShape, { channels }, domain);
}

/**
 * (O, I, k, k) to (O / B, I / B, k, k, I in the block, O in the block).
 *
 * With `rotated` the weight is read as (I, O, k, k), turned by half a turn: that of the input
 * gradient, without a copy in between. Written in order of the result, block by block, so that
 * what a block reads stays in the cache: a whole network's weights are reordered every step.
 */
export function blockWeights(
  weight: Float32Array,
  [outChannels = 0, inChannels = 0, height = 0, width = 0]: Shape,
  blockSize: number,
  { rotated }: { rotated: boolean } = { rotated: false },
): Float32Array {
  const blocked = new Float32Array(weight.length);
  const taps = height * width;
  const outStride = rotated ? taps : inChannels * taps;
  const inStride = rotated ? outChannels * taps : taps;
  let to = 0;
  for (let outBlock = 0; outBlock < outChannels; outBlock += blockSize) {
    for (let inBlock = 0; inBlock < inChannels; inBlock += blockSize) {
      const corner = outBlock * outStride + inBlock * inStride;
      for (let tap = 0; tap < taps; tap++) {
        const start = corner + (rotated ? taps - 1 - tap : tap);
        for (let input = 0; input < blockSize; input++) {
          let from = start + input * inStride;
          for (let out = 0; out < blockSize; out++) {
            blocked[to++] = weight[from] ?? 0;
            from += outStride;
          }
        }
      }
    }
  }
  return blocked;
}

let probed: Promise<number | undefined> | undefined;

/** This processor's block size; undefined where there is none that computes right. */
export function findBlockSize(): Promise<number | undefined> {
  probed ??= probe();
  return probed;
}

async function probe(): Promise<number | undefined> {
  for (const blockSize of [16, 8, 4]) {
    if (await computesRight(blockSize)) return blockSize;
  }
  return undefined;
}

/** Holds a blocked convolution of two blocks against the standard operator. */
async function computesRight(blockSize: number): Promise<boolean> {
  const channels = 2 * blockSize;
  const graph = new ModelBuilder('probe');
  const input = graph.input('input', [1, channels, 4, 5]);
  const shape = [channels, channels, 3, 3];
  const weight = graph.input('weight', shape);
  const blocked = graph.input('blocked', shape);
  const window = { stride: 1, padding: 1 };
  graph.output('actual', blockedConvolution(graph, input, blocked, input.shape, window));
  graph.output(
    'expected',
    graph.node('Conv', [input, weight], input.shape, { pads: [1, 1, 1, 1] }),
  );
  // Any values will do that repeat in no block.
  const values = (count: number): Float32Array =>
    Float32Array.from({ length: count }, (_, index) => Math.sin(index * index));
  const weights = values(channels * channels * 9);
  try {
    const options = { intraOpNumThreads: 1, logSeverityLevel: 4 } as const;
    const session = await ort.InferenceSession.create(graph.encode(), options);
    const { actual, expected } = await session.run({
      input: new ort.Tensor('float32', values(channels * 20), input.shape),
      weight: new ort.Tensor('float32', weights, shape),
      blocked: new ort.Tensor('float32', blockWeights(weights, shape, blockSize), shape),
    });
    await session.release();
    return isNear(actual?.data as Float32Array, expected?.data as Float32Array);
  } catch {
    // Without such operators the session can't be made.
    return false;
  }
}

function isNear(actual: Float32Array, expected: Float32Array): boolean {
  return expected.every((value, index) => Math.abs(value - (actual[index] ?? NaN)) < 1e-4);
}
