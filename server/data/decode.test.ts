import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { centerSquare, decodePart, decodeWhole, inspect, type Pixels } from './decode';
import { plain, ramps, TestFolder } from './picture-fixture';

let folder: TestFolder;
beforeEach(async () => {
  folder = await TestFolder.create();
});
afterEach(() => folder.remove());

const pixelAt = ({ width, data }: Pixels, x: number, y: number): number[] => [
  ...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
];

function expectNear(
  actual: readonly number[],
  expected: readonly number[],
  tolerance: number,
): void {
  expect(actual).toHaveLength(expected.length);
  const differences = actual.map((value, index) => Math.abs(value - (expected[index] ?? NaN)));
  expect(Math.max(...differences), `${actual.join()} for ${expected.join()}`).toBeLessThanOrEqual(
    tolerance,
  );
}

test.each([
  ['colour.jpg', () => plain(9, 7, [200, 100, 50]), [200, 100, 50], 3],
  ['colour.webp', () => plain(9, 7, [200, 100, 50]).webp({ lossless: true }), [200, 100, 50], 0],
  ['grey.png', () => plain(9, 7, [80, 80, 80]).toColourspace('b-w'), [80, 80, 80], 0],
  ['grey.jpg', () => plain(9, 7, [80, 80, 80]).toColourspace('b-w'), [80, 80, 80], 1],
  ['deep.png', () => plain(9, 7, [200, 100, 50]).toColourspace('rgb16'), [200, 100, 50], 1],
  ['cmyk.jpg', () => plain(9, 7, [150, 120, 110]).toColourspace('cmyk'), [150, 120, 110], 10],
  ['palette.png', () => plain(9, 7, [200, 100, 50]).png({ palette: true }), [200, 100, 50], 4],
  // Half of it over white.
  ['alpha.png', () => plain(9, 7, [200, 100, 0]).ensureAlpha(0.5), [227, 177, 127], 1],
  [
    'grey-alpha.png',
    () => plain(9, 7, [0, 0, 0]).toColourspace('b-w').ensureAlpha(0),
    [255, 255, 255],
    0,
  ],
] as const)('%s becomes three sRGB bytes a pixel', async (name, picture, color, tolerance) => {
  const path = await folder.write(name, picture());
  expect(await inspect(path)).toEqual({ width: 9, height: 7 });
  const pixels = await decodeWhole(path, 7);
  expect([pixels.width, pixels.height, pixels.data.length]).toEqual([9, 7, 189]);
  expectNear(pixelAt(pixels, 0, 0), color, tolerance);
  expectNear(pixelAt(pixels, 8, 6), color, tolerance);
});

test('of an animated picture the first frame counts', async () => {
  const frames = new Uint8Array(2 * 8 * 8 * 3).fill(250);
  frames.fill(20, 0, 8 * 8 * 3);
  const raw = { width: 8, height: 16, channels: 3, pageHeight: 8 } as const;
  const path = await folder.write('a.webp', sharp(frames, { raw }).webp({ lossless: true }));
  expect((await sharp(path).metadata()).pages).toBe(2);
  expect(await inspect(path)).toEqual({ width: 8, height: 8 });
  expect((await decodeWhole(path, 8)).data).toEqual(Buffer.alloc(8 * 8 * 3, 20));
});

test('a picture is turned as its EXIF orientation says', async () => {
  const upright = ramps(200, 100);
  // Turned by 90 degrees clockwise to look at it: what is left in the file is at the top.
  const path = await folder.write('a.png', upright.clone().withMetadata({ orientation: 6 }).png());
  expect(await inspect(path)).toEqual({ width: 100, height: 200 });
  const whole = await decodeWhole(path, 100);
  expect([whole.width, whole.height]).toEqual([100, 200]);
  expect(pixelAt(whole, 10, 30)).toEqual([30, 99 - 10, 100]);
  const part = await decodePart(
    path,
    { width: 100, height: 200 },
    { left: 20, top: 120, width: 50, height: 50 },
    50,
  );
  expect(pixelAt(part, 5, 7)).toEqual([127, 99 - 25, 100]);
});

test('the shorter side is resized to what was asked for, up and down', async () => {
  const path = await folder.write('a.png', ramps(200, 100));
  const half = await decodeWhole(path, 50);
  expect([half.width, half.height]).toEqual([100, 50]);
  expectNear(pixelAt(half, 30, 20), [60.5, 40.5, 100], 1);
  const double = await decodeWhole(path, 200);
  expect([double.width, double.height]).toEqual([400, 200]);
  expectNear(pixelAt(double, 101, 51), [50.25, 25.25, 100], 1);
});

test.each(['a.png', 'a.jpg', 'a.webp'])('a part of %s shows what lies in its box', async (name) => {
  const picture = ramps(250, 200);
  const path = await folder.write(
    name,
    name.endsWith('jpg') ? picture.jpeg({ quality: 95 }) : picture,
  );
  for (const box of [
    { left: 0, top: 0, width: 250, height: 200 },
    { left: 30, top: 90, width: 200, height: 110 },
    { left: 243, top: 193, width: 7, height: 7 },
  ]) {
    const size = 64;
    const part = await decodePart(path, { width: 250, height: 200 }, box, size);
    expect([part.width, part.height]).toEqual([size, size]);
    for (const [x, y] of [
      [0, 0],
      [20, 50],
      [63, 63],
    ] as const) {
      // The centre of a pixel of the result, in the picture; the box is rounded to half of one.
      const expected = [
        box.left + ((x + 0.5) * box.width) / size - 0.5,
        box.top + ((y + 0.5) * box.height) / size - 0.5,
      ];
      const tolerance = (name === 'a.png' ? 1 : 4) + box.width / size / 2;
      expectNear(pixelAt(part, x, y).slice(0, 2), expected, tolerance);
    }
  }
});

test('the square in the middle', async () => {
  const wide = await decodeWhole(await folder.write('a.png', ramps(9, 4)), 4);
  const square = { width: 4, height: 4, data: centerSquare(wide, 4) };
  expect(pixelAt(square, 0, 0)).toEqual([2, 0, 100]);
  expect(pixelAt(square, 3, 3)).toEqual([5, 3, 100]);
  const smaller = { width: 2, height: 2, data: centerSquare(wide, 2) };
  expect(pixelAt(smaller, 0, 0)).toEqual([3, 1, 100]);
});

test('empty, truncated, renamed and missing files are errors, even where the asked part is whole', async () => {
  const whole = await readFile(await folder.write('whole.jpg', ramps(250, 200).jpeg()));
  const truncated = await folder.write('half.jpg', whole.subarray(0, whole.length / 2));
  for (const path of [
    truncated,
    await folder.write('tail.jpg', whole.subarray(0, whole.length - 200)),
    await folder.write('empty.jpg', ''),
    await folder.write('text.jpg', 'not a picture'),
    `${folder.path}/missing.jpg`,
  ]) {
    await expect(inspect(path), path).rejects.toThrow();
    await expect(decodeWhole(path, 64), path).rejects.toThrow();
  }
  await expect(inspect(truncated)).rejects.toThrow('premature end of JPEG image');
});
