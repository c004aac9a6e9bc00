import { Random } from '../../runtime/random';
import {
  randomMirror,
  randomPlacement,
  randomResizedCrop,
  unmoved,
  type Augmentation,
  type Placement,
} from './augmentation';
import type { Picture } from './dataset';
import { centerSquare, decodePart, decodeWhole, inspect } from './decode';
import { DecodeQueue, defaultDecodeLimit } from './decode-queue';
import { writeNormalized } from './normalize';
import type { Undecodable } from './undecodable';

const defaultCacheBytes = 512 * 2 ** 20;

export interface PictureReaderOptions {
  readonly imageSize: number;
  readonly augmentation: Augmentation;
  readonly seed: number;
  readonly undecodable: Undecodable;
  /** Bound on the decoded pictures that are kept; 512 MiB unless given. */
  readonly cacheBytes?: number | undefined;
  /** Pictures that are decoded at a time. */
  readonly decodeLimit?: number | undefined;
}

/** Where a picture goes: three planes of `imageSize` squared in `data`, from `offset` on. */
export interface Slot {
  readonly data: Float32Array;
  readonly offset: number;
}

/** Makes normalised samples of picture files, decoded in libvips' threads. */
export class PictureReader {
  readonly #options: PictureReaderOptions;
  readonly #queue: DecodeQueue;
  /**
   * Middle squares by path. Decoding thousands of tiny files again in every epoch would cost more
   * than all the rest of loading. What came first stays: every epoch reads everything once in
   * another order, so that no picture is likelier to be needed again than another.
   */
  readonly #squares = new Map<string, Uint8Array>();
  readonly #maxSquares: number;
  readonly #sizes = new Map<string, { readonly width: number; readonly height: number }>();

  constructor(options: PictureReaderOptions) {
    this.#options = options;
    this.#queue = new DecodeQueue(options.decodeLimit ?? defaultDecodeLimit());
    const squareBytes = 3 * options.imageSize ** 2;
    this.#maxSquares = Math.floor((options.cacheBytes ?? defaultCacheBytes) / squareBytes);
  }

  /**
   * Writes the training sample of a picture in an epoch: the same one whenever it is asked for.
   *
   * @param index the picture's place in the data set
   * @returns false when the picture can't be decoded
   * @throws UndecodablePicturesError when that makes too many; the signal's reason when aborted
   */
  async readForTraining(
    picture: Picture,
    { epoch, index }: { readonly epoch: number; readonly index: number },
    slot: Slot,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { imageSize, augmentation, seed } = this.#options;
    if (augmentation === 'none') return this.readForEvaluation(picture, slot, signal);
    const random = new Random(seed, 'augment', epoch, index);
    if (augmentation === 'cifar') {
      const placement = randomPlacement(random, imageSize);
      return this.#write(this.#square(picture, signal), placement, picture, slot, signal);
    }
    // Drawn before the part, which may be drawn at once or after its turn in the queue.
    const placement = { ...unmoved, isMirrored: randomMirror(random) };
    return this.#write(this.#part(picture, random, signal), placement, picture, slot, signal);
  }

  /** As `readForTraining`, without anything random: the middle of the picture. */
  readForEvaluation(picture: Picture, slot: Slot, signal: AbortSignal): Promise<boolean> {
    return this.#write(this.#square(picture, signal), unmoved, picture, slot, signal);
  }

  async #write(
    pixels: Uint8Array | Promise<Uint8Array>,
    placement: Placement,
    picture: Picture,
    { data, offset }: Slot,
    signal: AbortSignal,
  ): Promise<boolean> {
    let decoded: Uint8Array;
    try {
      decoded = await pixels;
    } catch (error) {
      signal.throwIfAborted();
      this.#options.undecodable.add(picture.path, error);
      return false;
    }
    writeNormalized(decoded, this.#options.imageSize, placement, data, offset);
    return true;
  }

  /** The middle of a picture; what of its shorter side is left away follows torchvision (224 of 256). */
  #square({ path }: Picture, signal: AbortSignal): Uint8Array | Promise<Uint8Array> {
    const known = this.#squares.get(path);
    if (known) return known;
    const { imageSize } = this.#options;
    const shorterSide = imageSize <= 64 ? imageSize : Math.round(imageSize / 0.875);
    return this.#queue.run(async () => {
      const square = centerSquare(await decodeWhole(path, shorterSide), imageSize);
      if (this.#squares.size < this.#maxSquares) this.#squares.set(path, square);
      return square;
    }, signal);
  }

  #part({ path }: Picture, random: Random, signal: AbortSignal): Promise<Uint8Array> {
    const { imageSize } = this.#options;
    return this.#queue.run(async () => {
      const size = this.#sizes.get(path) ?? (await inspect(path));
      this.#sizes.set(path, size);
      const box = randomResizedCrop(random, size.width, size.height);
      return (await decodePart(path, size, box, imageSize)).data;
    }, signal);
  }
}
