import { setImmediate } from 'node:timers/promises';
import { Random } from '../../runtime/random';
import { zeros } from '../../runtime/tensor';
import type { MicroBatch } from '../coordinator/pipeline';
import type { TrainingData, ValidationBatch } from '../coordinator/training-data';
import { defaultAugmentation, type Augmentation } from './augmentation';
import type { Dataset } from './dataset';
import { DatasetError } from './error';
import { PictureReader, type Slot } from './picture-reader';
import { Prefetch } from './prefetch';
import { Undecodable } from './undecodable';

/** Bound on the batches that are made before they are asked for. */
const prefetchBytes = 256 * 2 ** 20;

export interface DataLoaderOptions {
  readonly imageSize: number;
  /** Pictures of a step; a multiple of `microBatchSize`. */
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly seed: number;
  /** `cifar` up to 64 pixels and `imagenet` above unless given. */
  readonly augmentation?: Augmentation | undefined;
  /** A sentence for the person at the terminal. */
  readonly onNotice?: ((text: string) => void) | undefined;
  readonly cacheBytes?: number | undefined;
  readonly decodeLimit?: number | undefined;
}

/** Where a step's batch stands; both from 0. */
interface BatchPlace {
  readonly epoch: number;
  readonly indexInEpoch: number;
}

/**
 * The batches of a run by step: always the same ones from the same seed and files, in any order of
 * asking, so that a replayed step sees what it saw. Each epoch takes the pictures in another order
 * and leaves out the last ones that don't fill a batch.
 *
 * A picture that can't be decoded is replaced by the next good one of the epoch's order.
 */
export class DataLoader implements TrainingData {
  readonly classes: readonly string[];
  readonly stepsPerEpoch: number;
  /** Pictures of the training split. */
  readonly trainingCount: number;
  readonly validationCount: number;
  readonly #dataset: Dataset;
  readonly #options: DataLoaderOptions;
  readonly #reader: PictureReader;
  readonly #batches: Prefetch<readonly MicroBatch[]>;
  readonly #closing = new AbortController();
  #order: { readonly epoch: number; readonly order: Uint32Array } | undefined;

  /** @throws DatasetError when there are fewer pictures than one batch takes */
  constructor(dataset: Dataset, options: DataLoaderOptions) {
    const { imageSize, batchSize, microBatchSize, seed } = options;
    if (batchSize % microBatchSize !== 0) {
      throw new RangeError(
        `expected a batch size that is a multiple of the micro-batch size ${microBatchSize}, got ${batchSize}`,
      );
    }
    const count = dataset.train.length;
    if (count < batchSize) {
      throw new DatasetError(
        `the data set has ${count} pictures to train with, fewer than one batch of ${batchSize}: use a batch of at most ${count} or add pictures`,
      );
    }
    this.#dataset = dataset;
    this.#options = options;
    this.classes = dataset.classes;
    this.stepsPerEpoch = Math.floor(count / batchSize);
    this.trainingCount = count;
    this.validationCount = dataset.validation.length;
    this.#reader = new PictureReader({
      imageSize,
      seed,
      augmentation: options.augmentation ?? defaultAugmentation(imageSize),
      undecodable: new Undecodable(
        count + this.validationCount,
        options.onNotice ?? (() => undefined),
      ),
      cacheBytes: options.cacheBytes,
      decodeLimit: options.decodeLimit,
    });
    const batchBytes = batchSize * 3 * imageSize ** 2 * Float32Array.BYTES_PER_ELEMENT;
    const depth = Math.min(4, Math.max(1, Math.floor(prefetchBytes / batchBytes)));
    this.#batches = new Prefetch((step, signal) => this.#makeBatch(step, signal), depth);
  }

  /**
   * The micro-batches of a step (from 1), which are the caller's own.
   *
   * @throws UndecodablePicturesError when more than 1% of the pictures can't be decoded
   */
  batch(step: number): Promise<readonly MicroBatch[]> {
    if (!Number.isInteger(step) || step < 1) {
      throw new RangeError(`expected a step of 1 or more, got ${step}`);
    }
    return this.#batches.take(step);
  }

  /**
   * The validation split in fixed order, a micro-batch at a time; the rest of the last one is zeros.
   * A picture that can't be decoded is left out of its micro-batch.
   *
   * @throws UndecodablePicturesError when more than 1% of the pictures can't be decoded
   */
  async *validation(): AsyncGenerator<ValidationBatch> {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#closing.signal]);
    const make = (first: number): Promise<ValidationBatch> => {
      const batch = this.#makeValidationBatch(first, signal);
      // Its failure is for whoever takes it.
      batch.catch(() => undefined);
      return batch;
    };
    const { microBatchSize } = this.#options;
    try {
      let next = make(0);
      for (let first = 0; first < this.validationCount; first += microBatchSize) {
        const batch = await next;
        next = make(first + microBatchSize);
        yield batch;
      }
    } finally {
      stop.abort(new Error('the evaluation ended'));
    }
  }

  /** Stops what is decoded ahead of time. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the data was closed'));
    await this.#batches.close();
  }

  async #makeBatch(step: number, signal: AbortSignal): Promise<MicroBatch[]> {
    const { batchSize, microBatchSize } = this.#options;
    const place = {
      epoch: Math.floor((step - 1) / this.stepsPerEpoch),
      indexInEpoch: (step - 1) % this.stepsPerEpoch,
    };
    const microBatches: MicroBatch[] = [];
    for (let first = 0; first < batchSize; first += microBatchSize) {
      microBatches.push(await this.#makeMicroBatch(place, first, signal));
      // Cached pictures come without a turn of the event loop, and the network waits for one.
      await setImmediate();
    }
    return microBatches;
  }

  /** @param first place of its first picture in the batch */
  async #makeMicroBatch(
    { epoch, indexInEpoch }: BatchPlace,
    first: number,
    signal: AbortSignal,
  ): Promise<MicroBatch> {
    const { batchSize, microBatchSize } = this.#options;
    const input = this.#emptyInput();
    const start = indexInEpoch * batchSize + first;
    const labels = await Promise.all(
      Array.from({ length: microBatchSize }, (_, row) =>
        this.#readFrom(epoch, start + row, this.#slot(input.data, row), signal),
      ),
    );
    return { input, labels: Int32Array.from(labels) };
  }

  /** Reads the picture at a place of the epoch's order, or the next one that is good; its label. */
  async #readFrom(epoch: number, place: number, slot: Slot, signal: AbortSignal): Promise<number> {
    const order = this.#orderOf(epoch);
    // Ends: long before all pictures have turned out bad, there are too many bad ones.
    for (let attempt = place; ; attempt++) {
      const index = order[attempt % order.length] ?? 0;
      const picture = this.#dataset.train[index];
      if (!picture) throw new RangeError(`expected a picture ${index} in the data set`);
      const isGood = await this.#reader.readForTraining(picture, { epoch, index }, slot, signal);
      if (isGood) return picture.label;
    }
  }

  async #makeValidationBatch(first: number, signal: AbortSignal): Promise<ValidationBatch> {
    const pictures = this.#dataset.validation.slice(first, first + this.#options.microBatchSize);
    const scratch = this.#emptyInput();
    const isGood = await Promise.all(
      pictures.map((picture, row) =>
        this.#reader.readForEvaluation(picture, this.#slot(scratch.data, row), signal),
      ),
    );
    await setImmediate();
    const input = isGood.every(Boolean) ? scratch : this.#withoutBad(scratch.data, isGood);
    const labels = Int32Array.from(
      pictures.filter((_, row) => isGood[row]),
      ({ label }) => label,
    );
    return { input, labels, count: labels.length };
  }

  /** Moves the good rows to the front. */
  #withoutBad(data: Float32Array, isGood: readonly boolean[]): MicroBatch['input'] {
    const input = this.#emptyInput();
    let rows = 0;
    for (const [row, good] of isGood.entries()) {
      if (!good) continue;
      const from = this.#slot(data, row).offset;
      const to = this.#slot(input.data, rows++).offset;
      input.data.set(data.subarray(from, from + 3 * this.#options.imageSize ** 2), to);
    }
    return input;
  }

  #emptyInput(): MicroBatch['input'] {
    const { microBatchSize, imageSize } = this.#options;
    return zeros([microBatchSize, 3, imageSize, imageSize]);
  }

  #slot(data: Float32Array, row: number): Slot {
    return { data, offset: row * 3 * this.#options.imageSize ** 2 };
  }

  #orderOf(epoch: number): Uint32Array {
    if (this.#order?.epoch !== epoch) {
      const order = new Random(this.#options.seed, 'order', epoch).permutation(
        this.#dataset.train.length,
      );
      this.#order = { epoch, order };
    }
    return this.#order.order;
  }
}
