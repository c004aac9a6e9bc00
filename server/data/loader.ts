import { setImmediate as nextTurn } from 'node:timers/promises';
import { Random } from '../../runtime/random';
import { elementCount, zeros, type Tensor } from '../../runtime/tensor';
import type { MicroBatch } from '../coordinator/pipeline';
import type { TrainingData, ValidationBatch } from '../coordinator/training-data';
import type { Augmentation } from './augmentation';
import { DataError } from './error';
import type { Picture, PictureFolder } from './folder';
import { writeNormalized } from './normalize';
import { PictureSource, type View } from './picture-source';
import { Undecodable } from './undecodable';

export interface LoaderOptions {
  readonly folder: PictureFolder;
  readonly imageSize: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly augmentation: Augmentation;
  readonly seed: number;
  readonly cacheBytes: number;
  readonly onNotice: (text: string) => void;
}

/** Batches prepared ahead: at most so many, and at most so many bytes, but always one. */
const maxAhead = 4;
const maxAheadBytes = 256 * 2 ** 20;
/** Pictures written into a batch before the main thread, which also serves the network, moves on. */
const picturesPerTurn = 8;

/**
 * The batches of a training run. What a step sees depends on the seed, the step and the files
 * alone, so that any step can be asked for at any time, again too; the next few are prepared in
 * the background.
 */
export class Loader implements TrainingData {
  readonly classes: readonly string[];
  readonly stepsPerEpoch: number;
  readonly validationCount: number;
  readonly #options: LoaderOptions;
  readonly #source: PictureSource;
  readonly #undecodable: Undecodable;
  readonly #prepared = new Map<number, Promise<readonly MicroBatch[]>>();
  readonly #ahead: number;
  #order: { epoch: number; pictures: Uint32Array } | undefined;
  #isClosed = false;

  /** Throws {@link DataError} when the training pictures don't fill one batch. */
  constructor(options: LoaderOptions) {
    const { folder, batchSize, imageSize, onNotice } = options;
    const numTraining = folder.training.length;
    if (numTraining < batchSize) {
      throw new DataError(
        `${numTraining} training pictures don't fill one batch of ${batchSize}: add pictures, or make the batch smaller (--batch).`,
      );
    }
    this.#options = options;
    this.classes = folder.classes;
    this.stepsPerEpoch = Math.floor(numTraining / batchSize);
    this.validationCount = folder.validation.length;
    this.#source = new PictureSource(options);
    this.#undecodable = new Undecodable(numTraining + this.validationCount, onNotice);
    const batchBytes = 4 * elementCount([batchSize, 3, imageSize, imageSize]);
    this.#ahead = Math.max(1, Math.min(maxAhead, Math.floor(maxAheadBytes / batchBytes)));
  }

  /**
   * The micro-batches of a step (from 1), inputs (N, 3, H, W) normalised with ImageNet's mean and
   * deviation. Throws {@link DataError} when too many pictures can't be decoded.
   */
  batch(step: number): Promise<readonly MicroBatch[]> {
    const last = step + this.#ahead;
    for (const other of this.#prepared.keys()) {
      if (other < step || other > last) this.#prepared.delete(other);
    }
    for (let next = step; next <= last; next++) {
      if (this.#prepared.has(next)) continue;
      const prepared = this.#assemble(next);
      // Whoever asks for this step hears of it; until then nobody listens.
      prepared.catch(() => undefined);
      this.#prepared.set(next, prepared);
    }
    return this.#prepared.get(step) ?? this.#assemble(step);
  }

  /** The validation split in the folder's order; the last micro-batch is padded with zeros. */
  async *validation(): AsyncGenerator<ValidationBatch> {
    const { folder, microBatchSize } = this.#options;
    const { validation } = folder;
    const prepare = (start: number): Promise<ValidationBatch> | undefined => {
      if (start >= validation.length) return undefined;
      const prepared = this.#validationBatch(start);
      prepared.catch(() => undefined);
      return prepared;
    };
    let next = prepare(0);
    for (let start = 0; next !== undefined; start += microBatchSize) {
      const batch = await next;
      next = prepare(start + microBatchSize);
      yield batch;
    }
  }

  /** Stops what is under way in the background. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#prepared.values());
    this.#prepared.clear();
  }

  async #assemble(step: number): Promise<readonly MicroBatch[]> {
    const { folder, batchSize, microBatchSize, imageSize } = this.#options;
    const epoch = Math.floor((step - 1) / this.stepsPerEpoch);
    const first = ((step - 1) % this.stepsPerEpoch) * batchSize;
    const order = this.#orderOf(epoch);
    const microBatches = Array.from({ length: batchSize / microBatchSize }, () => ({
      input: zeros([microBatchSize, 3, imageSize, imageSize]),
      labels: new Int32Array(microBatchSize),
    }));
    await this.#fill(batchSize, async (position) => {
      const { picture, view } = await this.#firstGood(
        order.length,
        first + position,
        (at) => pick(folder.training, order[at] ?? 0),
        (path, at) => this.#source.trainingView(path, epoch, order[at] ?? 0),
      );
      const microBatch = pick(microBatches, Math.floor(position / microBatchSize));
      const row = position % microBatchSize;
      microBatch.labels[row] = picture.label;
      return { view, input: microBatch.input, row };
    });
    return microBatches;
  }

  async #validationBatch(start: number): Promise<ValidationBatch> {
    const { folder, microBatchSize, imageSize } = this.#options;
    const { validation } = folder;
    const count = Math.min(microBatchSize, validation.length - start);
    const input = zeros([microBatchSize, 3, imageSize, imageSize]);
    const labels = new Int32Array(count);
    await this.#fill(count, async (row) => {
      const { picture, view } = await this.#firstGood(
        validation.length,
        start + row,
        (at) => pick(validation, at),
        (path) => this.#source.evaluationView(path),
      );
      labels[row] = picture.label;
      return { view, input, row };
    });
    return { input, labels, count };
  }

  /** Decodes `count` pictures at once and writes them as they were asked for. */
  async #fill(
    count: number,
    load: (position: number) => Promise<{ view: View; input: Tensor; row: number }>,
  ): Promise<void> {
    const { imageSize } = this.#options;
    const size = elementCount([3, imageSize, imageSize]);
    const loading = Array.from({ length: count }, (_, position) => load(position));
    // The first that fails ends the batch; the others' failures are the same story.
    for (const one of loading) one.catch(() => undefined);
    for (const [position, one] of loading.entries()) {
      const { view, input, row } = await one;
      const place = input.data.subarray(row * size, (row + 1) * size);
      writeNormalized(view.pixels, imageSize, place, view.placement);
      if (position % picturesPerTurn === picturesPerTurn - 1) await nextTurn();
    }
  }

  /** The picture at a position, or the next one behind it that can be decoded. */
  async #firstGood(
    length: number,
    position: number,
    pictureAt: (position: number) => Picture,
    decode: (path: string, position: number) => Promise<View>,
  ): Promise<{ picture: Picture; view: View }> {
    for (let attempt = 0; attempt < length; attempt++) {
      const at = (position + attempt) % length;
      const picture = pictureAt(at);
      if (this.#isClosed) throw new Error('the data set is closed');
      if (this.#undecodable.has(picture.path)) continue;
      try {
        return { picture, view: await decode(picture.path, at) };
      } catch (error) {
        this.#undecodable.add(picture.path, error);
      }
    }
    throw new DataError(
      `None of the ${length} pictures of a split can be decoded, the first is ${pictureAt(0).path}: replace them with whole .jpg, .png or .webp files.`,
    );
  }

  #orderOf(epoch: number): Uint32Array {
    if (this.#order?.epoch !== epoch) {
      const { seed, folder } = this.#options;
      const pictures = new Random(seed, 'order', epoch).permutation(folder.training.length);
      this.#order = { epoch, pictures };
    }
    return this.#order.pictures;
  }
}

function pick<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index} among ${items.length}`);
  return item;
}
