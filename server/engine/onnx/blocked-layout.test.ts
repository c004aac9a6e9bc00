import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { normal, relativeError } from '../stage-fixture';
import { blockedConvolution, blockWeights, findBlockSize } from './blocked-layout';
import { ModelBuilder } from './model-builder';

test('weights in blocks of two: output block, input block, tap, input, output', () => {
  // Two outputs, four inputs, a kernel of 1x2; the values are `output input tap`.
  const weight = Float32Array.from(
    [0, 1].flatMap((out) =>
      [0, 1, 2, 3].flatMap((i) => [0, 1].map((tap) => 100 * out + 10 * i + tap)),
    ),
  );
  expect([...blockWeights(weight, [2, 4, 1, 2], 2)]).toEqual(
    [
      [0, 100, 10, 110],
      [1, 101, 11, 111],
      [20, 120, 30, 130],
      [21, 121, 31, 131],
    ].flat(),
  );
});

test('with the block size that was found, the convolution is the standard one', async () => {
  const blockSize = await findBlockSize();
  // No size is a right answer too: then the engine uses standard operators alone.
  expect([16, 8, 4, undefined]).toContain(blockSize);
  if (blockSize === undefined) return;
  const shape = [3 * blockSize, 2 * blockSize, 3, 3];
  const graph = new ModelBuilder('blocked');
  const input = graph.input('input', [3, 2 * blockSize, 7, 9]);
  const outputShape = [3, 3 * blockSize, 4, 5];
  const window = { stride: 2, padding: 1 };
  const blocked = graph.input('blocked', shape);
  graph.output('actual', blockedConvolution(graph, input, blocked, outputShape, window));
  const attributes = { strides: [2, 2], pads: [1, 1, 1, 1] };
  const weight = graph.input('weight', shape);
  graph.output('expected', graph.node('Conv', [input, weight], outputShape, attributes));

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

test('rotated weights in blocks: the channel axes swapped, the taps from behind', () => {
  // Four outputs, two inputs, as the parameter has them; the values are `output input tap`.
  const weight = Float32Array.from(
    [0, 1, 2, 3].flatMap((out) =>
      [0, 1].flatMap((i) => [0, 1].map((tap) => 100 * out + 10 * i + tap)),
    ),
  );
  expect([...blockWeights(weight, [2, 4, 1, 2], 2, { rotated: true })]).toEqual(
    [
      [1, 11, 101, 111],
      [0, 10, 100, 110],
      [201, 211, 301, 311],
      [200, 210, 300, 310],
    ].flat(),
  );
});
