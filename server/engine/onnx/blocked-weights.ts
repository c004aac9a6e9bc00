import type { Shape } from '../../../runtime/tensor';

/** Fewer channels than any processor's block: convolutions read them as they are, in planes. */
export const isPicture = (channels: number): boolean => channels < 4;

/**
 * (O, I, k, k) to (O / B, I / B, k, k, I in the block, O in the block), put `into` an array that is
 * there or a new one; a picture's channels are blocks of one.
 *
 * Written in order of the result, block by block, so that what a block reads stays in the cache.
 */
export function blockWeights(
  weight: Float32Array,
  shape: Shape,
  blockSize: number,
  into: Float32Array = new Float32Array(weight.length),
): Float32Array {
  eachWeight(shape, blockSize, (blocked, plain) => {
    into[blocked] = weight[plain] ?? 0;
  });
  return into;
}

/** What {@link blockWeights} was given; shape (O, I, k, k). */
export function unblockWeights(
  blocked: Float32Array,
  shape: Shape,
  blockSize: number,
): Float32Array {
  const weight = new Float32Array(blocked.length);
  eachWeight(shape, blockSize, (at, plain) => {
    weight[plain] = blocked[at] ?? 0;
  });
  return weight;
}

/** Calls with each place in the blocked order, from the first on, and its place in the plain one. */
function eachWeight(
  [outChannels = 0, inChannels = 0, height = 0, width = 0]: Shape,
  blockSize: number,
  visit: (blocked: number, plain: number) => void,
): void {
  const taps = height * width;
  const inBlockSize = isPicture(inChannels) ? 1 : blockSize;
  const outStride = inChannels * taps;
  let blocked = 0;
  for (let outBlock = 0; outBlock < outChannels; outBlock += blockSize) {
    for (let inBlock = 0; inBlock < inChannels; inBlock += inBlockSize) {
      const corner = outBlock * outStride + inBlock * taps;
      for (let tap = 0; tap < taps; tap++) {
        for (let input = 0; input < inBlockSize; input++) {
          let plain = corner + tap + input * taps;
          for (let out = 0; out < blockSize; out++) {
            visit(blocked++, plain);
            plain += outStride;
          }
        }
      }
    }
  }
}

/**
 * From blocked weights those of the input gradient, blocked too: the channel axes swapped, turned
 * by half a turn. A whole network's are made every step, so they are put `into` an array that is
 * there: claiming a new one takes as long.
 */
export function rotateBlocks(
  blocked: Float32Array,
  [outChannels = 0, inChannels = 0, height = 0, width = 0]: Shape,
  blockSize: number,
  into: Float32Array,
): void {
  const taps = height * width;
  const block = blockSize * blockSize;
  const inBlocks = inChannels / blockSize;
  let to = 0;
  for (let inBlock = 0; inBlock < inBlocks; inBlock++) {
    for (let outBlock = 0; outBlock < outChannels / blockSize; outBlock++) {
      for (let tap = taps - 1; tap >= 0; tap--) {
        const from = ((outBlock * inBlocks + inBlock) * taps + tap) * block;
        for (let out = 0; out < blockSize; out++) {
          const end = from + out + block;
          for (let at = from + out; at < end; at += blockSize) into[to++] = blocked[at] ?? 0;
        }
      }
    }
  }
}
