import { availableParallelism } from 'node:os';
import { Random } from '../../runtime/random';
import { randomPlacement, unmoved, type Augmentation, type Placement } from './augmentation';
import { decodeForEvaluation, decodeRandomCrop } from './decode';
import { Slots } from './slots';

/** Pixels of one picture, `imageSize` x `imageSize` of 8-bit RGB, and where they go. */
export interface View {
  readonly pixels: Uint8Array;
  readonly placement: Placement;
}

export interface SourceOptions {
  readonly imageSize: number;
  readonly augmentation: Augmentation;
  readonly seed: number;
  /** Most bytes of decoded pictures to remember. */
  readonly cacheBytes: number;
}

/**
 * Decodes pictures in the background, a few at a time. What every epoch sees alike, whole small
 * pictures and the evaluation's views, is decoded once and remembered while there is room; nothing
 * is ever thrown out for something newer, as an epoch would then find none of it again.
 */
export class PictureSource {
  readonly #options: SourceOptions;
  readonly #remembered = new Map<string, Uint8Array>();
  #room: number;
  // Two decode while the main thread assembles; more than four only take cores from the engine.
  readonly #slots = new Slots(Math.min(4, Math.max(2, availableParallelism() - 1)));

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#room = options.cacheBytes;
  }

  /** A training picture; `index`, its number in the training split, and the epoch vary it. */
  async trainingView(path: string, epoch: number, index: number): Promise<View> {
    const { augmentation, imageSize, seed } = this.#options;
    if (augmentation === 'none') return this.evaluationView(path);
    const random = new Random(seed, 'augment', epoch, index);
    const placement = randomPlacement(random, imageSize);
    if (augmentation === 'cifar') return { pixels: await this.#whole(path), placement };
    const pixels = await this.#slots.run(() => decodeRandomCrop(path, imageSize, random));
    return { pixels, placement: { ...unmoved, mirrored: placement.mirrored } };
  }

  async evaluationView(path: string): Promise<View> {
    return { pixels: await this.#whole(path), placement: unmoved };
  }

  async #whole(path: string): Promise<Uint8Array> {
    const known = this.#remembered.get(path);
    if (known) return known;
    const pixels = await this.#slots.run(() => decodeForEvaluation(path, this.#options.imageSize));
    if (pixels.byteLength <= this.#room && !this.#remembered.has(path)) {
      this.#room -= pixels.byteLength;
      this.#remembered.set(path, pixels);
    }
    return pixels;
  }
}
