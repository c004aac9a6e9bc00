import { expect, test } from 'vitest';
import { blockWeights, rotateBlocks, unblockWeights } from './blocked-weights';

/** (outChannels, inChannels, 1, taps), each value `output input tap`. */
function weightsOf(outChannels: number, inChannels: number, taps: number): Float32Array {
  const count = outChannels * inChannels * taps;
  return Float32Array.from({ length: count }, (_, index) => {
    const pair = Math.floor(index / taps);
    return 100 * Math.floor(pair / inChannels) + 10 * (pair % inChannels) + (index % taps);
  });
}

test('weights in blocks of two: output block, input block, tap, input, output', () => {
  expect([...blockWeights(weightsOf(2, 4, 2), [2, 4, 1, 2], 2)]).toEqual(
    [
      [0, 100, 10, 110],
      [1, 101, 11, 111],
      [20, 120, 30, 130],
      [21, 121, 31, 131],
    ].flat(),
  );
});

test("a picture's channels are blocks of one", () => {
  const blocked = blockWeights(weightsOf(2, 3, 2), [2, 3, 1, 2], 2);
  expect([...blocked]).toEqual([0, 100, 1, 101, 10, 110, 11, 111, 20, 120, 21, 121]);
});

test.each([
  [4, 6, 3],
  [4, 3, 2],
])('out of blocks again: %i outputs, %i inputs, %i taps', (outChannels, inChannels, taps) => {
  const weight = weightsOf(outChannels, inChannels, taps);
  const shape = [outChannels, inChannels, 1, taps];
  expect(unblockWeights(blockWeights(weight, shape, 2), shape, 2)).toEqual(weight);
});

test('rotated in blocks: the channel axes swapped, the taps from behind', () => {
  const shape = [2, 4, 1, 2];
  const rotated = new Float32Array(16);
  rotateBlocks(blockWeights(weightsOf(2, 4, 2), shape, 2), shape, 2, rotated);
  expect([...rotated]).toEqual(
    [
      [1, 11, 101, 111],
      [0, 10, 100, 110],
      [21, 31, 121, 131],
      [20, 30, 120, 130],
    ].flat(),
  );
});
