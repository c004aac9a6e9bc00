import type { Random } from '../../../runtime/random';
import { Canvas, type Color } from './canvas';
import type { Outline } from './outline';

/**
 * Draws a shape lighter than its background: of any colour, size and place, turned by up to 40
 * degrees, on a gradient, stripes or blotches, with strokes and blobs about, under noise.
 *
 * @returns RGB bytes (size, size, 3)
 */
export function drawShape(outline: Outline, size: number, random: Random): Uint8Array {
  const canvas = new Canvas(size);
  const first = darkColor(random);
  const second = nearColor(first, random);
  canvas.fill(first, second, background(size, random));
  const clutter = 2 + random.integer(3);
  for (let count = 0; count < clutter; count++) {
    if (random.uniform() < 0.5) paintStroke(canvas, random);
    else paintBlob(canvas, random);
  }
  paintShape(canvas, outline, lighterColor([first, second], random), random);
  if (random.uniform() < 0.25) paintStroke(canvas, random);
  return canvas.toBytes(random.between(0.01, 0.07), random);
}

const maxTurn = (40 / 180) * Math.PI;

function paintShape(canvas: Canvas, outline: Outline, color: Color, random: Random): void {
  const { size } = canvas;
  const radius = size * random.between(0.28, 0.44);
  const centerX = random.between(radius, size - radius);
  const centerY = random.between(radius, size - radius);
  const turn = random.between(-maxTurn, maxTurn);
  // Along the shape's own axis, so that a circle may be an oval and a square a rectangle.
  const stretch = random.between(0.85, 1);
  const [cos, sin] = [Math.cos(turn) / radius, Math.sin(turn) / radius];
  const shade = random.between(-0.12, 0.12);
  const shaded = (x: number, y: number): Color => {
    const light = 1 + (shade * (x - centerX + y - centerY)) / radius;
    return [color[0] * light, color[1] * light, color[2] * light];
  };
  canvas.paint(shaded, { centerX, centerY, reach: radius }, (x, y) => {
    const dx = x - centerX;
    const dy = y - centerY;
    return outline((cos * dx + sin * dy) / stretch, cos * dy - sin * dx) * radius;
  });
}

function paintStroke(canvas: Canvas, random: Random): void {
  const { size } = canvas;
  const centerX = random.between(0, size);
  const centerY = random.between(0, size);
  const turn = random.between(0, Math.PI);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const half = (size * random.between(0.15, 0.6)) / 2;
  const width = (size * random.between(0.02, 0.05)) / 2;
  const color = randomColor(random);
  canvas.paint(
    () => color,
    { centerX, centerY, reach: half + width },
    (x, y) => {
      const along = Math.abs(cos * (x - centerX) + sin * (y - centerY));
      const across = cos * (y - centerY) - sin * (x - centerX);
      return Math.sqrt(Math.max(0, along - half) ** 2 + across ** 2) - width;
    },
  );
}

function paintBlob(canvas: Canvas, random: Random): void {
  const { size } = canvas;
  const centerX = random.between(0, size);
  const centerY = random.between(0, size);
  const radius = size * random.between(0.03, 0.09);
  const color = randomColor(random);
  canvas.paint(
    () => color,
    { centerX, centerY, reach: radius },
    (x, y) => Math.sqrt((x - centerX) ** 2 + (y - centerY) ** 2) - radius,
  );
}

/** How the two background colours mix: along a line, in stripes, or in blotches. */
function background(size: number, random: Random): (x: number, y: number) => number {
  const turn = random.between(0, 2 * Math.PI);
  const [cos, sin] = [Math.cos(turn) / size, Math.sin(turn) / size];
  const across = (x: number, y: number): number => cos * (x - size / 2) + sin * (y - size / 2);
  switch (random.integer(3)) {
    case 0:
      return (x, y) => 0.5 + 0.7 * across(x, y);
    case 1: {
      const frequency = 2 * Math.PI * random.between(2, 6);
      const phase = random.between(0, 2 * Math.PI);
      return (x, y) => 0.5 + 0.5 * Math.sin(frequency * across(x, y) + phase);
    }
    default: {
      const waves = Array.from({ length: 3 }, () =>
        [9, 9, Math.PI].map((limit) => random.between(-limit, limit)),
      );
      return (x, y) =>
        waves.reduce(
          (sum, [alongX = 0, alongY = 0, phase = 0]) =>
            sum + Math.sin((alongX * x + alongY * y) / size + phase) / 6,
          0.5,
        );
    }
  }
}

function randomColor(random: Random): Color {
  return [random.uniform(), random.uniform(), random.uniform()];
}

function darkColor(random: Random): Color {
  return [random.between(0, 0.6), random.between(0, 0.6), random.between(0, 0.6)];
}

function nearColor(color: Color, random: Random): Color {
  const near = (value: number): number =>
    Math.min(1, Math.max(0, value + random.between(-0.2, 0.2)));
  return [near(color[0]), near(color[1]), near(color[2])];
}

/**
 * A colour that stands out from the background's by being lighter. (Of shapes that are lighter or
 * darker, a network learns nothing for several epochs.)
 */
function lighterColor(than: readonly Color[], random: Random): Color {
  const lightest = Math.max(...than.map(luma));
  // Ends: no background is lighter than 0.8.
  for (;;) {
    const color = randomColor(random);
    if (luma(color) > lightest + 0.15) return color;
  }
}

/** How light a colour is, 0 to 1. */
function luma([red, green, blue]: Color): number {
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}
