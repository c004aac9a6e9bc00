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
    for (let y = 0; y < this.size; y++) {
      for (let x = 0; x < this.size; x++) {
        this.#blend(x, y, first, 1);
        this.#blend(x, y, second, mix(x + 0.5, y + 0.5));
      }
    }
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
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const coverage = Math.min(1, 0.5 - distance(x + 0.5, y + 0.5));
        if (coverage > 0) this.#blend(x, y, color(x + 0.5, y + 0.5), coverage);
      }
    }
  }

  /** RGB bytes (size, size, 3) with normal noise of the given deviation (0 to 1) on every value. */
  toBytes(noise: number, random: Random): Uint8Array {
    const bytes = new Uint8Array(this.#pixels.length);
    for (let index = 0; index < bytes.length; index++) {
      const value = Math.round(255 * ((this.#pixels[index] ?? 0) + noise * random.normal()));
      bytes[index] = Math.min(255, Math.max(0, value));
    }
    return bytes;
  }

  #blend(x: number, y: number, color: Color, share: number): void {
    const pixels = this.#pixels;
    const index = 3 * (y * this.size + x);
    for (let channel = 0; channel < 3; channel++) {
      const old = pixels[index + channel] ?? 0;
      pixels[index + channel] = old + share * ((color[channel] ?? 0) - old);
    }
  }
}
