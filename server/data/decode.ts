import sharp, { type Sharp } from 'sharp';
import type { Box } from './augmentation';

// Many pictures at once, each on one thread, rather than one picture on many: nothing waits for
// another thread, and the number of busy threads is what the decode queue says.
sharp.concurrency(1);
// libvips would keep recent results by file name: of no use here, and stale when a file changes.
sharp.cache(false);

/** A decoded picture: RGB bytes, (height, width, 3). */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * The size of a picture as it is to be looked at, once all of it has been decoded (small, which
 * costs less than half of decoding it as it is). A crop alone wouldn't do: the upper half of a
 * truncated file decodes well, and a picture must be good or bad whatever part of it is asked for.
 *
 * @throws Error when it can't be decoded
 */
export async function inspect(path: string): Promise<{ width: number; height: number }> {
  const { autoOrient } = await sharp(path).metadata();
  await decodeWhole(path, 16);
  return { width: autoOrient.width, height: autoOrient.height };
}

/**
 * Decodes a picture of any kind (grey, CMYK, 16 bit, transparent over white, the first frame of an
 * animated one, turned as its EXIF orientation says) to sRGB, its shorter side `shorterSide` pixels.
 *
 * @throws Error when it can't be decoded
 */
export async function decodeWhole(path: string, shorterSide: number): Promise<Pixels> {
  const resized = open(path).resize(shorterSide, shorterSide, { fit: 'outside', kernel: 'linear' });
  return toPixels(resized);
}

/**
 * Decodes a part of a picture, resized to a square of `size` pixels.
 *
 * The whole is resized so that the part comes out at `size`, then the part is cut out: libvips
 * computes only what is cut out, and a JPEG is shrunk while it is decoded, which it can't be after
 * a cut. The price is a box rounded to pixels of the result.
 *
 * @param picture its size, as `inspect` gives it
 * @throws Error when it can't be decoded
 */
export async function decodePart(
  path: string,
  picture: { readonly width: number; readonly height: number },
  box: Box,
  size: number,
): Promise<Pixels> {
  const width = Math.round((picture.width * size) / box.width);
  const height = Math.round((picture.height * size) / box.height);
  const left = Math.min(width - size, Math.round((box.left * size) / box.width));
  const top = Math.min(height - size, Math.round((box.top * size) / box.height));
  const part = open(path)
    .resize(width, height, { fit: 'fill', kernel: 'linear' })
    .extract({ left, top, width: size, height: size });
  return toPixels(part);
}

/** The square in the middle of a picture. */
export function centerSquare({ width, height, data }: Pixels, size: number): Uint8Array {
  const left = Math.floor((width - size) / 2);
  const top = Math.floor((height - size) / 2);
  const square = new Uint8Array(3 * size * size);
  for (let y = 0; y < size; y++) {
    const start = 3 * ((top + y) * width + left);
    square.set(data.subarray(start, start + 3 * size), 3 * size * y);
  }
  return square;
}

function open(path: string): Sharp {
  // Harmless oddities of many cameras' files are warnings to libjpeg; missing data is an error.
  return sharp(path, { autoOrient: true, failOn: 'error' });
}

async function toPixels(picture: Sharp): Promise<Pixels> {
  const { data, info } = await picture
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}
