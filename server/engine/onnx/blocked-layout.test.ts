import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { normal, relativeError } from '../stage-fixture';
import { findBlockSize } from './block-size';
import { blockedConvolution } from './blocked-layout';
import { blockWeights } from './blocked-weights';
import { laidOut, plain } from './layout';
import { ModelBuilder } from './model-builder';

test('a strided convolution from two blocks to three is the standard one', async () => {
  const blockSize = await findBlockSize();
  if (blockSize === undefined) return;
  const shape = [3 * blockSize, 2 * blockSize, 3, 3];
  const graph = new ModelBuilder('blocked');
  const input = graph.input('input', [3, 2 * blockSize, 7, 9]);
  const outputShape = [3, 3 * blockSize, 4, 5];
  const window = { kernel: 3, stride: 2, padding: 1 };
  const weight = graph.input('blocked', shape);
  const inBlocks = laidOut(graph, input, blockSize);
  const output = blockedConvolution(graph, inBlocks, weight, outputShape, window, blockSize);
  graph.output('actual', plain(graph, output));
  const attributes = { strides: [2, 2], pads: [1, 1, 1, 1] };
  const standard = [input, graph.input('weight', shape)];
  graph.output('expected', graph.node('Conv', standard, outputShape, attributes));

  const session = await ort.InferenceSession.create(graph.encode());
  const weights = normal(shape, 'weights', 0.1).data;
  const { actual, expected } = await session.run({
    input: new ort.Tensor('float32', normal(input.shape, 'input').data, input.shape),
    weight: new ort.Tensor('float32', weights, shape),
    blocked: new ort.Tensor('float32', blockWeights(weights, shape, blockSize), shape),
  });
  await session.release();
  const tensor = (value: ort.OnnxValue | undefined) => ({
    shape: outputShape,
    data: value?.data as Float32Array,
  });
  expect(relativeError(tensor(actual), tensor(expected))).toBeLessThan(1e-5);
});
