import { join } from 'node:path';
import { foldersIn, readClassFolders, type ClassFolder } from './class-folders';
import type { Dataset, Picture } from './dataset';
import { DatasetError } from './error';
import { splitClass } from './split';

export interface FolderOptions {
  readonly seed: number;
  /** Share of each class's pictures that is kept for validation; 0.1 unless given. */
  readonly validationFraction?: number;
}

/**
 * Opens a folder of pictures by class: `FOLDER/<class>/*`, of which a share is drawn for validation
 * from the seed, or `FOLDER/train/<class>/*` with `FOLDER/val/<class>/*`.
 *
 * @throws DatasetError when it can't be trained on
 */
export async function openFolder(
  folder: string,
  { seed, validationFraction = 0.1 }: FolderOptions,
): Promise<Dataset> {
  if (!(validationFraction >= 0 && validationFraction < 1)) {
    throw new RangeError(
      `expected a validation fraction of 0 or more and below 1, got ${validationFraction}`,
    );
  }
  const folders = await foldersIn(folder);
  const trainFolder = join(folder, 'train');
  const isSplit =
    folders.includes('train') &&
    folders.includes('val') &&
    // Without folders in it, `train` is a class like any other.
    (await foldersIn(trainFolder)).length > 0;
  if (isSplit) return openSplitFolder(trainFolder, join(folder, 'val'));

  const classes = await readClassFolders(folder);
  requireTwoClasses(folder, classes);
  const train: Picture[] = [];
  const validation: Picture[] = [];
  for (const [label, { name, paths }] of classes.entries()) {
    const pictures = paths.map((path) => ({ path, label }));
    const split = splitClass(name, pictures, { seed, fraction: validationFraction });
    train.push(...split.train);
    validation.push(...split.validation);
  }
  return { classes: classes.map(({ name }) => name), train, validation };
}

async function openSplitFolder(trainFolder: string, validationFolder: string): Promise<Dataset> {
  const trainClasses = await readClassFolders(trainFolder);
  requireTwoClasses(trainFolder, trainClasses);
  const classes = trainClasses.map(({ name }) => name);
  const validation: Picture[] = [];
  for (const { name, paths } of await readClassFolders(validationFolder)) {
    const label = classes.indexOf(name);
    if (label < 0) {
      throw new DatasetError(
        `${join(validationFolder, name)} is a class without pictures to train with: expected one of ${classes.join(', ')}; add ${join(trainFolder, name)} or remove the folder`,
      );
    }
    validation.push(...paths.map((path) => ({ path, label })));
  }
  const train = trainClasses.flatMap(({ paths }, label) => paths.map((path) => ({ path, label })));
  return { classes, train, validation };
}

function requireTwoClasses(folder: string, classes: readonly ClassFolder[]): void {
  if (classes.length > 1) return;
  throw new DatasetError(
    `${folder} holds only one class (${String(classes[0]?.name)}): expected two or more, one folder each; add a folder of pictures that are something else`,
  );
}
