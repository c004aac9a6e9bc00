import { expect, test } from 'vitest';
import { Random } from '../../../runtime/random';
import { drawShape } from './draw';
import { outlines } from './outline';

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
