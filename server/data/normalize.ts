import type { Placement } from './augmentation';

/** Mean and standard deviation of ImageNet's training pictures, by channel, on a scale of 0 to 1. */
const mean = [0.485, 0.456, 0.406];
const deviation = [0.229, 0.224, 0.225];

/** (value / 255 - mean) / deviation for each channel and byte. */
const normalized = Float32Array.from({ length: 3 * 256 }, (_, index) => {
  const channel = index >> 8;
  return ((index & 255) / 255 - (mean[channel] ?? 0)) / (deviation[channel] ?? 1);
});

/**
 * Writes a square picture as three normalised planes (3, size, size) into `output` from `offset` on.
 * Where the picture was moved away from, black stands, as torchvision's padding does.
 *
 * A table look-up a value: 0.3 ms at 224 pixels, which is why no thread of its own does it.
 *
 * @param pixels RGB bytes, (size, size, 3)
 */
export function writeNormalized(
  pixels: Uint8Array,
  size: number,
  { right, down, isMirrored }: Placement,
  output: Float32Array,
  offset: number,
): void {
  for (let channel = 0; channel < 3; channel++) {
    const table = channel << 8;
    const plane = offset + channel * size * size;
    const black = normalized[table] ?? 0;
    for (let y = 0; y < size; y++) {
      const fromY = y - down;
      const isRow = fromY >= 0 && fromY < size;
      const row = fromY * size * 3 + channel;
      const out = plane + y * size;
      for (let x = 0; x < size; x++) {
        const fromX = (isMirrored ? size - 1 - x : x) - right;
        const isInside = isRow && fromX >= 0 && fromX < size;
        output[out + x] = isInside
          ? (normalized[table | (pixels[row + fromX * 3] ?? 0)] ?? 0)
          : black;
      }
    }
  }
}
