import { expect, test } from 'vitest';
import { outlines } from './outline';

const grid = Array.from({ length: 400 }, (_, index) => (index - 199.5) / 180);

/** Share of the plane's unit square that lies inside, by counting points. */
function areaOf(name: string): number {
  const outline = outlines.get(name) ?? (() => NaN);
  const inside = grid.flatMap((y) => grid.filter((x) => outline(x, y) < 0)).length;
  return inside / 180 ** 2;
}

test.each([
  ['circle', Math.PI * 0.9 ** 2],
  ['ring', Math.PI * (0.95 ** 2 - 0.5 ** 2)],
  ['square', 2],
  ['triangle', (3 * Math.sqrt(3)) / 4],
  ['pentagon', (5 / 2) * Math.sin((2 * Math.PI) / 5)],
  // Ten triangles between a long and a short radius.
  ['star', 5 * 0.42 * Math.sin(Math.PI / 5)],
  ['cross', 4 * 0.96 * 0.54 - 0.54 ** 2],
  ['arrow', 0.8 * 0.9 + 0.52 * 1.06],
])('the area of a %s is %f', (name, area) => {
  expect(Math.abs(areaOf(name) - area)).toBeLessThan(0.02);
});

test.each([...outlines])('a %s fills the unit circle and does not leave it', (_name, outline) => {
  const inside = grid.flatMap((y) =>
    grid.filter((x) => outline(x, y) < 0).map((x) => x ** 2 + y ** 2),
  );
  expect(Math.max(...inside)).toBeLessThan(1.05);
  expect(Math.max(...inside)).toBeGreaterThan(0.8);
});

test('the distance from an edge is in the units of the coordinates', () => {
  const square = outlines.get('square');
  // A corner is at (0, -1), the edges are at 45 degrees.
  expect(square?.(0, 0)).toBeCloseTo(-Math.SQRT1_2, 12);
  expect(square?.(0, -2)).toBeCloseTo(1, 12);
  expect(square?.(1, 1)).toBeCloseTo(Math.SQRT1_2, 12);
});
