import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { Random } from '../../../runtime/random';
import { drawShape } from './draw';
import { outlines } from './outline';
import { shapesStamp } from './stamp';

const circle = outlines.get('circle') ?? (() => NaN);

test('the same stream draws the same picture, another stream another', () => {
  const draw = (index: number): Uint8Array => drawShape(circle, 32, new Random(1, 'shapes', index));
  expect(draw(0)).toHaveLength(3 * 32 * 32);
  expect(draw(0)).toEqual(draw(0));
  expect(draw(1)).not.toEqual(draw(0));
});

test('no two pictures of a class have the same colours, and shapes stand out of them', () => {
  for (const [name, outline] of outlines) {
    const pictures = Array.from({ length: 8 }, (_, index) =>
      drawShape(outline, 32, new Random(1, name, index)),
    );
    for (const picture of pictures) {
      const mean = picture.reduce((sum, value) => sum + value, 0) / picture.length;
      const variance =
        picture.reduce((sum, value) => sum + (value - mean) ** 2, 0) / picture.length;
      expect(Math.sqrt(variance)).toBeGreaterThan(10);
    }
    expect(new Set(pictures.map((picture) => picture.join())).size).toBe(8);
  }
});

test('what is drawn is what this version of the data set promises', () => {
  const hash = createHash('sha256');
  for (const [name, outline] of outlines) hash.update(drawShape(outline, 32, new Random(1, name)));
  // Another drawing needs another `shapesVersion`: folders of the old one must not pass for it.
  expect({ version: shapesStamp({}).version, digest: hash.digest('hex').slice(0, 16) }).toEqual({
    version: 2,
    digest: '73dfc34a4726daf8',
  });
});
