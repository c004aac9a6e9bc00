import * as ort from 'onnxruntime-node';
import { elementCount, type Shape } from '../../../runtime/tensor';
import {
  blockedConvolution,
  blockedMaxPool,
  blockedPlaneMeans,
  blockedSumOfProducts,
  channelsLast,
  scaledBlocks,
} from './blocked-layout';
import { blockWeights } from './blocked-weights';
import { blocked, laidOut, plain, reorderInput, type Blocked, type LaidOut } from './layout';
import { ModelBuilder, type Value } from './model-builder';
import { elementWise, reduce, reshape } from './operators';

/*
 * The block size depends on the processor, and some have no blocked layout. So it is found by
 * trying, and where no size gives what the standard operators give, they are used alone.
 */

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

/** Holds each operator of the blocked layout, on two blocks, against the standard one. */
export async function computesRight(blockSize: number): Promise<boolean> {
  try {
    const { model, feeds } = comparison(blockSize);
    const options = { intraOpNumThreads: 1, logSeverityLevel: 4 } as const;
    const session = await ort.InferenceSession.create(model, options);
    const results = await session.run(feeds);
    await session.release();
    return Object.keys(results)
      .filter((name) => name.startsWith('expected'))
      .every((name) => isNear(results[name.replace('expected', 'actual')], results[name]));
  } catch {
    // Without such operators the session can't be made.
    return false;
  }
}

/** A graph of outputs `actual` and `expected`, numbered, and what it is fed. */
function comparison(blockSize: number): {
  model: Uint8Array;
  feeds: Record<string, ort.Tensor>;
} {
  const graph = new ModelBuilder('probe');
  const feeds: Record<string, ort.Tensor> = {};
  const feed = (name: string, shape: Shape, values: Float32Array): Value => {
    feeds[name] = new ort.Tensor('float32', values, shape);
    return graph.input(name, shape);
  };
  let count = 0;
  const compare = (actual: LaidOut, expected: Value): void => {
    graph.output(`actual ${count}`, plain(graph, actual));
    graph.output(`expected ${count}`, expected);
    count++;
  };

  const channels = 2 * blockSize;
  const shape = [2, channels, 4, 5];
  const x = feed('x', shape, values(elementCount(shape), 0));
  const y = feed('y', shape, values(elementCount(shape), 1));
  const bias = feed('bias', [channels], values(channels, 2));
  const [xBlocks, yBlocks] = [x, y].map((value) => laidOut(graph, value, blockSize) as Blocked);
  if (!xBlocks || !yBlocks) throw new Error('expected two blocked values');

  const pictures = feed('pictures', [2, 3, 4, 5], values(120, 3));
  for (const [input, standard] of [
    [xBlocks, x],
    [pictures, pictures],
  ] as const) {
    const [, inChannels = 0] = input.shape;
    const weightShape = [channels, inChannels, 3, 3];
    const weights = values(elementCount(weightShape), 4);
    const weight = feed(`weight ${inChannels}`, weightShape, weights);
    const inBlocks = blockWeights(weights, weightShape, blockSize);
    const blockedWeight = feed(`blocked weight ${inChannels}`, weightShape, inBlocks);
    const window = { kernel: 3, stride: 1, padding: 1 };
    const finish = { bias, sum: yBlocks, relu: true };
    const attributes = { pads: [1, 1, 1, 1] };
    const product = graph.node('Conv', [standard, weight, bias], shape, attributes);
    compare(
      blockedConvolution(graph, input, blockedWeight, shape, window, blockSize, finish),
      graph.node('Relu', [elementWise(graph, 'Add', product, y)], shape),
    );
  }

  const perChannel = reshape(graph, bias, [channels, 1, 1]);
  compare(
    scaledBlocks(graph, xBlocks, bias, { bias, sum: yBlocks }),
    elementWise(
      graph,
      'Add',
      elementWise(graph, 'Add', elementWise(graph, 'Mul', x, perChannel), perChannel),
      y,
    ),
  );
  compare(
    blockedSumOfProducts(graph, xBlocks, yBlocks),
    reduce(graph, 'ReduceSum', elementWise(graph, 'Mul', x, y), [0, 2, 3], { keep: false }),
  );
  compare(
    blockedPlaneMeans(graph, xBlocks),
    reduce(graph, 'ReduceMean', x, [2, 3], { keep: false }),
  );
  const pooled = [2, channels, 2, 3];
  const attributes = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
  compare(
    blockedMaxPool(graph, xBlocks, pooled, { kernel: 3, stride: 2, padding: 1 }),
    graph.node('MaxPool', [x], pooled, attributes),
  );
  const order = [0, 2, 3, 1];
  const last = order.map((axis) => shape[axis] ?? 0);
  const standardLast = graph.node('Transpose', [x], last, { perm: order });
  compare(channelsLast(graph, xBlocks), standardLast);
  compare(blocked(reorderInput(graph, standardLast, { channelsLast: true }), blockSize), x);
  return { model: graph.encode(), feeds };
}

/** Any values will do that repeat in no block. */
function values(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(index * index + seed));
}

function isNear(actual: ort.OnnxValue | undefined, expected: ort.OnnxValue | undefined): boolean {
  const values = actual?.data as Float32Array;
  const wanted = expected?.data as Float32Array;
  return wanted.every((value, index) => Math.abs(value - (values[index] ?? NaN)) < 1e-4);
}
