import { expect, test } from 'vitest';
import { unmoved } from './augmentation';
import { writeNormalized } from './normalize';

/** (value / 255 - mean) / deviation by hand, of red 0.485 / 0.229 and so on. */
const red = (value: number): number => (value / 255 - 0.485) / 0.229;
const green = (value: number): number => (value / 255 - 0.456) / 0.224;
const blue = (value: number): number => (value / 255 - 0.406) / 0.225;

// 2x2: red 10, 20, 30, 40; green and blue follow.
const pixels = Uint8Array.of(10, 110, 210, 20, 120, 220, 30, 130, 230, 40, 140, 240);

function expectClose(actual: Float32Array, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(actual[index]).toBeCloseTo(value, 6);
}

test('interleaved bytes become three planes with the mean and deviation of ImageNet', () => {
  const output = new Float32Array(14);
  writeNormalized(pixels, 2, unmoved, output, 1);
  expectClose(output, [
    0,
    ...[10, 20, 30, 40].map(red),
    ...[110, 120, 130, 140].map(green),
    ...[210, 220, 230, 240].map(blue),
    0,
  ]);
});

test('black and white of red are -2.1179 and 2.2489, as in torchvision', () => {
  const output = new Float32Array(3);
  writeNormalized(Uint8Array.of(0, 255, 255), 1, unmoved, output, 0);
  expectClose(output, [-2.1179039, 2.4285715, 2.64]);
});

test('a moved picture leaves black behind, and is mirrored after it moved', () => {
  const output = new Float32Array(12);
  writeNormalized(pixels, 2, { right: 1, down: -1, isMirrored: false }, output, 0);
  expectClose(output.subarray(0, 4), [0, 30, 0, 0].map(red));
  writeNormalized(pixels, 2, { right: 1, down: -1, isMirrored: true }, output, 0);
  expectClose(output.subarray(0, 4), [30, 0, 0, 0].map(red));
  expectClose(output.subarray(4, 8), [130, 0, 0, 0].map(green));
});
