import sharp from 'sharp';
import type { Random } from '../../../runtime/random';
import { outlines, type ShapeName } from './outline';

/** Pictures are drawn on a square of this side, whatever their pixels. */
const side = 64;

/** Hue in degrees, saturation and lightness in percent. */
interface Colour {
  readonly hue: number;
  readonly saturation: number;
  readonly lightness: number;
}

/** One picture of a shape as JPEG, `size` x `size`; the same bytes for the same random numbers. */
export async function drawShape(shape: ShapeName, size: number, random: Random): Promise<Buffer> {
  const svg = Buffer.from(svgOf(shape, size, random));
  const { data, info } = await sharp(svg).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  addNoise(data, random);
  const { width, height, channels } = info;
  return sharp(data, { raw: { width, height, channels } }).jpeg({ quality: 88 }).toBuffer();
}

function svgOf(shape: ShapeName, size: number, random: Random): string {
  const background = colour(random);
  const ink = contrasting(random, background);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 ${side} ${side}">`,
    backdrop(random, background),
    ...times(2 + random.integer(4), () => clutter(random)),
    body(shape, random, ink),
    // Thin strokes across the shape: a few pixels of its outline are lost.
    ...times(random.integer(3), () => stroke(random, random.between(0.8, 1.8))),
    '</svg>',
  ].join('');
}

/** A gradient with stripes or soft spots: no one colour is the background's. */
function backdrop(random: Random, from: Colour): string {
  const to = {
    ...from,
    hue: from.hue + random.between(-50, 50),
    lightness: clampLightness(from.lightness + random.between(-14, 14)),
  };
  const angle = random.between(0, 360).toFixed(1);
  const stripe = css({
    ...from,
    lightness: clampLightness(from.lightness + random.between(-9, 9)),
  });
  const period = random.between(5, 14).toFixed(1);
  const width = random.between(1, 3).toFixed(1);
  return [
    `<defs><linearGradient id="g" gradientTransform="rotate(${angle} .5 .5)">`,
    `<stop offset="0" stop-color="${css(from)}"/><stop offset="1" stop-color="${css(to)}"/></linearGradient>`,
    `<pattern id="p" width="${period}" height="${period}" patternUnits="userSpaceOnUse" patternTransform="rotate(${angle})">`,
    `<rect width="${width}" height="${period}" fill="${stripe}"/></pattern></defs>`,
    `<rect width="${side}" height="${side}" fill="url(#g)"/>`,
    random.uniform() < 0.6 ? `<rect width="${side}" height="${side}" fill="url(#p)"/>` : '',
  ].join('');
}

function body(shape: ShapeName, random: Random, ink: Colour): string {
  const radius = random.between(14, 25);
  const room = side / 2 - radius * 0.9;
  const x = (side / 2 + random.between(-room, room)).toFixed(2);
  const y = (side / 2 + random.between(-room, room)).toFixed(2);
  const angle = random.between(0, 360).toFixed(1);
  const lean = random.between(-9, 9).toFixed(1);
  const stretch = random.between(0.88, 1.12);
  const across = (radius * stretch).toFixed(2);
  const along = (radius / stretch).toFixed(2);
  const outline = css({
    ...ink,
    lightness: clampLightness(ink.lightness + random.between(-15, 15)),
  });
  const width = random.between(0, 0.14).toFixed(3);
  return `<path d="${outlines[shape]}" fill-rule="evenodd" fill="${css(ink)}" stroke="${outline}" stroke-width="${width}" stroke-linejoin="round" transform="translate(${x} ${y}) rotate(${angle}) skewX(${lean}) scale(${across} ${along})"/>`;
}

/** Something that is none of the shapes: a stroke or a small lopsided spot. */
function clutter(random: Random): string {
  if (random.uniform() < 0.5) return stroke(random, random.between(1, 3));
  const radius = random.between(2, 6);
  const corners = times(6, (corner) => {
    const angle = (corner * Math.PI) / 3;
    const distance = radius * random.between(0.4, 1);
    return `${(distance * Math.cos(angle)).toFixed(1)} ${(distance * Math.sin(angle)).toFixed(1)}`;
  });
  const x = random.between(0, side).toFixed(1);
  const y = random.between(0, side).toFixed(1);
  return `<path d="M${corners.join('L')}Z" fill="${css(colour(random))}" transform="translate(${x} ${y})"/>`;
}

function stroke(random: Random, width: number): string {
  const points = times(
    4,
    () => `${random.between(-8, 72).toFixed(1)} ${random.between(-8, 72).toFixed(1)}`,
  );
  const [from, one, other, to] = points;
  return `<path d="M${from}C${one} ${other} ${to}" fill="none" stroke="${css(colour(random))}" stroke-width="${width.toFixed(1)}"/>`;
}

/** Grain on every channel of its own, and a shift of the whole picture's brightness. */
function addNoise(pixels: Uint8Array, random: Random): void {
  const grain = random.between(4, 22);
  const shift = random.between(-15, 15);
  for (let index = 0; index < pixels.length; index++) {
    const value = (pixels[index] ?? 0) + shift + grain * random.normal();
    pixels[index] = Math.max(0, Math.min(255, Math.round(value)));
  }
}

function colour(random: Random): Colour {
  return {
    hue: random.between(0, 360),
    saturation: random.between(15, 90),
    lightness: random.between(15, 85),
  };
}

/** A colour that stands out by lightness: darker or lighter by at least a quarter of the scale. */
function contrasting(random: Random, background: Colour): Colour {
  const distance = random.between(26, 45);
  const isDarker =
    background.lightness - distance > 5 && (background.lightness > 60 || random.uniform() < 0.5);
  const lighter = background.lightness + distance;
  const lightness = isDarker || lighter > 96 ? background.lightness - distance : lighter;
  return { ...colour(random), lightness };
}

function clampLightness(lightness: number): number {
  return Math.max(4, Math.min(96, lightness));
}

function css({ hue, saturation, lightness }: Colour): string {
  return `hsl(${hue.toFixed(0)},${saturation.toFixed(0)}%,${lightness.toFixed(0)}%)`;
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
