import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { Random } from '../../random';
import { normal64 } from '../../reference/finite-difference';
import { softmaxCrossEntropy as reference } from '../../reference/softmax-cross-entropy';
import { toFloat32, toFloat64 } from '../../reference/tensor64';
import { tensor, type Tensor } from '../../tensor';
import { allocate } from '../memory';
import { largestError } from '../operation-error';
import { runDispatches } from '../run-dispatches';
import { packValue, unpackValue } from '../run-operation';
import { valueBytes, valueLayout } from '../value';
import { softmaxCrossEntropy } from './softmax-cross-entropy';

const fixture = dawnFixture();

async function run(logits: Tensor, labels: Int32Array, labelSmoothing: number) {
  const [batch = 0, classes = 0] = logits.shape;
  const layout = valueLayout(batch, [classes]);
  const input = { layout, region: allocate('logits', valueBytes(layout)) };
  const gradient = { layout, region: allocate('gradient', valueBytes(layout)) };
  const labelRegion = allocate('labels', batch * 4);
  const result = allocate('result', 8);
  const dispatches = softmaxCrossEntropy({
    logits: input,
    labels: labelRegion,
    gradient,
    result,
    labelSmoothing,
    gradientScale: 1 / (batch * 3),
    buffer: allocate,
  });
  // What is behind the last class must not matter.
  const packed = packValue(logits, layout).map((value, index) =>
    index % (layout.blocks * 4) < classes ? value : 1e6,
  );
  const [slopes, sums] = await runDispatches(
    fixture.device,
    dispatches,
    new Map<typeof result, Float32Array | Int32Array>([
      [input.region, packed],
      [labelRegion, labels],
      [gradient.region, new Float32Array(valueBytes(layout) / 4).fill(NaN)],
    ]),
    [gradient.region, result],
  );
  return {
    gradient: unpackValue(slopes ?? new Float32Array(), layout, logits.shape),
    loss: sums?.[0] ?? NaN,
    correct: sums?.[1] ?? NaN,
  };
}

test.each([
  [1, 2, 0],
  [4, 3, 0.1],
  [5, 10, 0.1],
  [3, 64, 0],
  [2, 1003, 0.2],
])('%d samples of %d classes, label smoothing %d', async (batch, classes, labelSmoothing) => {
  const logits = toFloat32(normal64([batch, classes], 1));
  logits.data[1] = 8;
  const random = new Random(1, 'labels');
  const labels = Int32Array.from({ length: batch }, () => random.integer(classes));
  const actual = await run(logits, labels, labelSmoothing);
  const expected = reference(toFloat64(logits), labels, labelSmoothing);
  expect(Math.abs(actual.loss - expected.loss)).toBeLessThan(1e-5);
  expect(actual.correct).toBe(expected.correct);
  const scaled = { shape: logits.shape, data: expected.gradient.data.map((value) => value / 3) };
  expect(largestError(actual.gradient, scaled)).toBeLessThan(1e-6);
});

test('of equal logits the first class counts; large ones do not overflow', async () => {
  const rows = [
    [-90, 7, 7, -90, 7],
    [7, -90, -90, 7, -90],
    [0, 1e4, -1e4, 0, 0],
  ];
  const logits = tensor([3, 5], Float32Array.from(rows.flat()));
  const first = await run(logits, Int32Array.of(1, 0, 1), 0);
  expect(first.correct).toBe(3);
  expect(first.loss).toBeCloseTo((Math.log(3) + Math.log(2)) / 3, 6);
  expect((await run(logits, Int32Array.of(2, 3, 1), 0)).correct).toBe(1);
});

test('two runs agree in every bit', async () => {
  const logits = toFloat32(normal64([5, 300], 1));
  const labels = Int32Array.of(0, 299, 7, 8, 9);
  const first = await run(logits, labels, 0.1);
  expect(await run(logits, labels, 0.1)).toEqual(first);
});
