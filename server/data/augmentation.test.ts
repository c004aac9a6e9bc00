import { expect, test } from 'vitest';
import { Random } from '../../runtime/random';
import { defaultAugmentation, randomPlacement, randomResizedCrop } from './augmentation';

const draws = 4000;
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

test('random resized crops lie in the picture, 8% to 100% of its area, 3:4 to 4:3', () => {
  const random = new Random(1, 'crop');
  const [width, height] = [500, 375];
  const boxes = Array.from({ length: draws }, () => randomResizedCrop(random, width, height));
  for (const box of boxes) {
    expect(Math.min(box.left, box.top)).toBeGreaterThanOrEqual(0);
    expect(box.left + box.width).toBeLessThanOrEqual(width);
    expect(box.top + box.height).toBeLessThanOrEqual(height);
    // Sides are rounded to whole pixels, of which there are 92 or more.
    expect(box.width / box.height).toBeGreaterThan(0.735);
    expect(box.width / box.height).toBeLessThan(1.36);
    expect((box.width * box.height) / (width * height)).toBeGreaterThan(0.079);
  }
  // What torchvision 0.28 gives over 30,000 draws of RandomResizedCrop.get_params at this size;
  // the tolerance is five standard errors.
  const area = mean(boxes.map((box) => (box.width * box.height) / (width * height)));
  const logRatio = mean(boxes.map((box) => Math.log(box.width / box.height)));
  expect(Math.abs(area - 0.434)).toBeLessThan(0.02);
  expect(Math.abs(logRatio - 0.0316)).toBeLessThan(0.015);
});

test('a picture too long for any draw gives its middle', () => {
  const random = new Random(1, 'crop');
  expect(randomResizedCrop(random, 1000, 10)).toEqual({ left: 493, top: 0, width: 13, height: 10 });
  expect(randomResizedCrop(random, 10, 1000)).toEqual({ left: 0, top: 493, width: 10, height: 13 });
});

test('every crop of one pixel is that pixel', () => {
  const box = randomResizedCrop(new Random(1, 'crop'), 1, 1);
  expect(box).toEqual({ left: 0, top: 0, width: 1, height: 1 });
});

test('placements reach an eighth to every side, each equally often, half of them mirrored', () => {
  const random = new Random(1, 'placement');
  const placements = Array.from({ length: draws }, () => randomPlacement(random, 32));
  for (let offset = -4; offset <= 4; offset++) {
    for (const axis of ['right', 'down'] as const) {
      const share = placements.filter((placement) => placement[axis] === offset).length / draws;
      expect(Math.abs(share - 1 / 9)).toBeLessThan(0.03);
    }
  }
  expect(
    placements.every(({ right, down }) => Math.max(Math.abs(right), Math.abs(down)) <= 4),
  ).toBe(true);
  expect(mean(placements.map(({ isMirrored }) => Number(isMirrored)))).toBeCloseTo(0.5, 1);
});

test('pictures up to 64 pixels are moved about, larger ones cropped', () => {
  expect([32, 64, 65, 224].map(defaultAugmentation)).toEqual([
    'cifar',
    'cifar',
    'imagenet',
    'imagenet',
  ]);
});
