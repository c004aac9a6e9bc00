import * as ort from 'onnxruntime-node';
import type { Shape } from '../../../runtime/tensor';
import { ModelBuilder, type Value } from './model-builder';
import { pad, reshape, slice } from './operators';

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

/** Fewer channels than any processor's block: convolutions read them as they are, in planes. */
const isPicture = (channels: number): boolean => channels < 4;

/** Whether a convolution can be in the blocked layout. */
export function fitsBlocks(inChannels: number, outChannels: number, blockSize: number): boolean {
  return (isPicture(inChannels) || inChannels % blockSize === 0) && outChannels % blockSize === 0;
}

interface Window {
  readonly stride: number;
  readonly padding: number;
  /** The results stand at every so many pixels, with zeros between; default 1. */
  readonly spread?: { readonly step: number; readonly blockSize: number };
}

/** @param weight (outChannels, inChannels, k, k) in the order that {@link blockWeights} gives */
export function blockedConvolution(
  graph: ModelBuilder,
  input: Value,
  weight: Value,
  outputShape: Shape,
  { stride, padding, spread }: Window,
  bias?: Value,
): Value {
  const [, channels = 0] = outputShape;
  const [, inChannels = 0, kernel = 0] = weight.shape;
  const blocked = isPicture(inChannels)
    ? input
    : graph.node('ReorderInput', [input], input.shape, {}, domain);
  const attributes = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
  const inputs = bias ? [blocked, weight, bias] : [blocked, weight];
  if (!spread) {
    const output = graph.node('Conv', inputs, outputShape, attributes, domain);
    return graph.node('ReorderOutput', [output], outputShape, { channels }, domain);
  }
  const [, , height = 0, width = 0] = input.shape;
  const [samples = 0] = outputShape;
  const dense = [samples, channels, height, width];
  const output = graph.node('Conv', inputs, dense, attributes, domain);
  const whole = spreadBlocks(graph, output, spread, outputShape);
  return graph.node('ReorderOutput', [whole], outputShape, { channels }, domain);
}

/** A blocked tensor's pixels at every `step`-th place of `shape`, with zeros between. */
function spreadBlocks(
  graph: ModelBuilder,
  blocked: Value,
  { step, blockSize }: { step: number; blockSize: number },
  shape: Shape,
): Value {
  const [samples = 0, channels = 0, rows = 0, columns = 0] = blocked.shape;
  const [, , height = 0, width = 0] = shape;
  const planes = (samples * channels) / blockSize;
  const lines = reshape(graph, blocked, [planes * rows, 1, columns, blockSize]);
  const behind = [0, step - 1, 0, (step - 1) * blockSize];
  const size = [planes, rows * step, columns * step, blockSize];
  const whole = reshape(graph, pad(graph, lines, [0, 0, 0, 0], behind), size);
  const kept = slice(graph, whole, [1, 2], { start: [0, 0], end: [height, width] });
  return reshape(graph, rows * step === height && columns * step === width ? whole : kept, shape);
}

/**
 * (O, I, k, k) to (O / B, I / B, k, k, I in the block, O in the block); a picture's channels are
 * blocks of one.
 *
 * With `rotated` the weight is read as (I, O, k, k), turned by half a turn: that of the input
 * gradient, without a copy in between. Written in order of the result, block by block, so that
 * what a block reads stays in the cache: a whole network's weights are reordered every step. For
 * the same reason they can be put `into` an array that is there: claiming a new one takes as long.
 */
export function blockWeights(
  weight: Float32Array,
  [outChannels = 0, inChannels = 0, height = 0, width = 0]: Shape,
  blockSize: number,
  {
    rotated = false,
    into: blocked = new Float32Array(weight.length),
  }: { rotated?: boolean; into?: Float32Array } = {},
): Float32Array {
  const taps = height * width;
  const inBlockSize = isPicture(inChannels) ? 1 : blockSize;
  const outStride = rotated ? taps : inChannels * taps;
  const inStride = rotated ? outChannels * taps : taps;
  let to = 0;
  for (let outBlock = 0; outBlock < outChannels; outBlock += blockSize) {
    for (let inBlock = 0; inBlock < inChannels; inBlock += inBlockSize) {
      const corner = outBlock * outStride + inBlock * inStride;
      for (let tap = 0; tap < taps; tap++) {
        const start = corner + (rotated ? taps - 1 - tap : tap);
        for (let input = 0; input < inBlockSize; input++) {
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
