import * as ort from 'onnxruntime-node';
import type { Shape } from '../../../runtime/tensor';
import { blockWeights, isPicture } from './blocked-weights';
import { ModelBuilder, type Value } from './model-builder';
import { pad, reshape, slice } from './operators';

/*
 * ONNX Runtime's blocked layout (N, C / B, H, W, B), in which its convolutions run up to twice as
 * fast. Its operators are internal and undocumented: the block size depends on the processor, and
 * some have none. So it is found by trying, and where no size gives what the standard operator
 * gives, the standard one is used.
 *
 * A blocked tensor keeps the shape (N, C, H, W), so that a standard operator would misread it
 * silently: none leaves this file and `blocked-weight-gradient`.
 */
export const domain = 'com.microsoft.nchwc';

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

/** @param weight (outChannels, inChannels, k, k) in the order that `blockWeights` gives */
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
