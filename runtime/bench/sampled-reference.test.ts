import { describe, expect, test } from 'vitest';
import {
  convolution,
  convolutionInputGradient,
  convolutionWeightGradient,
} from '../reference/convolution';
import { toFloat32, toFloat64 } from '../reference/tensor64';
import { disagreement, referenceError, sampleReference } from './sampled-reference';
import {
  directions,
  makeCaseData,
  weightShape,
  type CaseData,
  type ConvolutionCase,
  type Direction,
} from './convolution-case';

const odd: ConvolutionCase = {
  name: 'odd sizes',
  layer: 'layer1',
  operation: {
    kind: 'convolution',
    input: 'x',
    output: 'y',
    weight: 'w',
    inChannels: 5,
    outChannels: 6,
    kernel: 3,
    stride: 2,
    padding: 1,
  },
  inputShape: [2, 5, 9, 7],
  outputShape: [2, 6, 5, 4],
  count: 1,
};

function compute(direction: Direction, { x, weight, dy }: CaseData): Float32Array {
  const [x64, weight64, dy64] = [toFloat64(x), toFloat64(weight), toFloat64(dy)];
  const window = { stride: 2, padding: 1 };
  switch (direction) {
    case 'forward':
      return toFloat32(convolution(x64, weight64, window)).data;
    case 'inputGradient':
      return toFloat32(convolutionInputGradient(dy64, weight64, odd.inputShape, window)).data;
    case 'weightGradient':
      return toFloat32(convolutionWeightGradient(dy64, x64, weightShape(odd), window)).data;
  }
}

describe.each(directions)('%s', (direction) => {
  const data = makeCaseData(odd);
  const reference = sampleReference(odd, direction, data);
  const right = compute(direction, data);

  test('what float32 rounds passes', () => {
    expect(referenceError(right, reference)).toBeLessThan(0.1);
    expect(disagreement(right, right, reference)).toBe(0);
  });

  test('one missing product in a thousand shows', () => {
    const weight = { ...data.weight, data: data.weight.data.slice() };
    weight.data[77] = 0;
    const x = { ...data.x, data: data.x.data.slice() };
    x.data[77] = 0;
    const wrong = compute(direction, { ...data, weight, x });
    expect(referenceError(wrong, reference)).toBeGreaterThan(100);
    expect(disagreement(wrong, right, reference)).toBeGreaterThan(100);
  });

  test('values that were never written are wrong', () => {
    const unwritten = right.slice();
    unwritten[right.length - 1] = NaN;
    expect(referenceError(unwritten, reference)).toBe(Infinity);
    expect(disagreement(unwritten, right, reference)).toBe(Infinity);
  });
});
