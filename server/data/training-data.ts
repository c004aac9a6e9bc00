import { resolve } from 'node:path';
import type { Augmentation } from './augmentation';
import type { Dataset } from './dataset';
import { openFolder } from './folder';
import { DataLoader } from './loader';
import { ensureShapes } from './shapes/ensure';

export interface TrainingDataOptions {
  /** A folder of pictures by class, or `shapes` for the built-in data set. */
  readonly folder: string;
  readonly imageSize: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly seed: number;
  readonly augmentation?: Augmentation;
  /** Share of each class's pictures that is kept for validation; 0.1 unless given. */
  readonly validationFraction?: number;
  /** A sentence for the person at the terminal. */
  readonly onNotice: (text: string) => void;
}

/** Larger ones take long to draw and show nothing more; the loader enlarges them. */
const maxShapesSize = 64;

/**
 * Opens pictures to train on; `shapes` is drawn first where it isn't there yet, into `data/` of the
 * current folder.
 *
 * @throws DatasetError when the data set can't be trained on
 */
export async function openTrainingData(options: TrainingDataOptions): Promise<DataLoader> {
  const { folder, imageSize, onNotice } = options;
  const isShapes = folder === 'shapes';
  const path = isShapes
    ? await ensureShapes(resolve('data'), {
        size: Math.min(imageSize, maxShapesSize),
        onStart: (count, target) =>
          onNotice(`Drawing ${count} pictures of shapes into ${target}, this once.`),
      })
    : folder;
  const dataset = await openFolder(path, options);
  onNotice(describe(isShapes ? `shapes (${path})` : path, dataset));
  return new DataLoader(dataset, options);
}

function describe(name: string, { classes, train, validation }: Dataset): string {
  return `Data: ${name}: ${classes.length} classes, ${train.length} pictures to train with, ${validation.length} to validate with.`;
}
