import type { Random } from '../../../runtime/random';

/** Red, green and blue, 0 to 1. */
export type Color = readonly [red: number, green: number, blue: number];

/** A square picture to paint on; positions are in pixels, y points down. */
export class Canvas {
  readonly size: number;
  readonly #pixels: Float32Array;

  constructor(size: number) {
    this.size = size;
    this.#pixels = new Float32Array(3 * size * size);
  }

  /** Gives every pixel a mixture of two colours; `mix` is 0 for the first and 1 for the second. */
  fill(first: Color, second: Color, mix: (x: number, y: number) => number): void {
    this.#blend(0, 0, this.size, this.size, (x, y, blend) => {
      blend(first, 1);
      blend(second, mix(x, y));
    });
  }

  /**
   * Paints what lies within an edge, smoothed over a pixel.
   *
   * @param distance signed distance from the edge in pixels, negative inside
   * @param reach no part of it is farther from (centerX, centerY)
   */
  paint(
    color: (x: number, y: number) => Color,
    { centerX, centerY, reach }: { centerX: number; centerY: number; reach: number },
    distance: (x: number, y: number) => number,
  ): void {
    const left = Math.max(0, Math.floor(centerX - reach - 1));
    const top = Math.max(0, Math.floor(centerY - reach - 1));
    const right = Math.min(this.size, Math.ceil(centerX + reach + 1));
    const bottom = Math.min(this.size, Math.ceil(centerY + reach + 1));
    this.#blend(left, top, right, bottom, (x, y, blend) => {
      const coverage = Math.min(1, Math.max(0, 0.5 - distance(x, y)));
      if (coverage > 0) blend(color(x, y), coverage);
    });
  }

  /** RGB bytes (size, size, 3) with normal noise of the given deviation (0 to 1) on every value. */
  toBytes(noise: number, random: Random): Uint8Array {
    return Uint8Array.from(this.#pixels, (value) => {
      const noisy = Math.round(255 * (value + noise * random.normal()));
      return Math.min(255, Math.max(0, noisy));
    });
  }

  #blend(
    left: number,
    top: number,
    right: number,
    bottom: number,
    visit: (x: number, y: number, blend: (color: Color, share: number) => void) => void,
  ): void {
    const pixels = this.#pixels;
    let index = 0;
    const blend = (color: Color, share: number): void => {
      for (let channel = 0; channel < 3; channel++) {
        const old = pixels[index + channel] ?? 0;
        pixels[index + channel] = old + share * ((color[channel] ?? 0) - old);
      }
    };
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        index = 3 * (y * this.size + x);
        visit(x + 0.5, y + 0.5, blend);
      }
    }
  }
}
