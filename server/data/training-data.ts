import type { TrainingData } from '../coordinator/training-data';
import { defaultAugmentation, type Augmentation } from './augmentation';
import { readPictureFolder } from './folder';
import { Loader } from './loader';
import { ensureShapes } from './shapes/write-shapes';

export interface OpenOptions {
  /** A folder of pictures by class, or `shapes`: the built-in ones, drawn when needed. */
  readonly folder: string;
  /** Side of the square the network sees, pixels. */
  readonly imageSize: number;
  readonly batchSize: number;
  /** Divides `batchSize`. */
  readonly microBatchSize: number;
  /** Decides the order, the augmentation, the validation split, and the built-in pictures. */
  readonly seed: number;
  readonly augmentation?: Augmentation;
  /** Share of each class for validation where the folder has no `train` and `val` of its own. */
  readonly validationShare?: number;
  /** Most bytes of decoded pictures to keep in memory. */
  readonly cacheBytes?: number;
  readonly onNotice: (text: string) => void;
}

const defaultValidationShare = 0.1;
const defaultCacheBytes = 512 * 2 ** 20;
/** Pictures of the built-in data set: larger networks see these enlarged. */
export const defaultShapes = { perClass: 500, maxSize: 64 } as const;

/** Opens a folder of pictures for training; throws {@link DataError} when it isn't fit for it. */
export async function openTrainingData(
  options: OpenOptions,
): Promise<TrainingData & { close(): Promise<void> }> {
  const { imageSize, seed, validationShare = defaultValidationShare } = options;
  const path = options.folder === 'shapes' ? await builtIn(options) : options.folder;
  const folder = await readPictureFolder({ path, seed, validationShare });
  return new Loader({
    folder,
    imageSize,
    batchSize: options.batchSize,
    microBatchSize: options.microBatchSize,
    augmentation: options.augmentation ?? defaultAugmentation(imageSize),
    seed,
    cacheBytes: options.cacheBytes ?? defaultCacheBytes,
    onNotice: options.onNotice,
  });
}

async function builtIn({ imageSize, seed, onNotice }: OpenOptions): Promise<string> {
  const started = Date.now();
  const size = Math.min(imageSize, defaultShapes.maxSize);
  const { path, count, reused } = await ensureShapes({
    perClass: defaultShapes.perClass,
    size,
    seed,
  });
  if (!reused) {
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    onNotice(`Drew ${count} pictures of shapes, ${size}x${size}, in ${path} (${seconds} s).`);
  }
  return path;
}
