import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatasetError } from '../error';
import { outlines } from './outline';

/** Of what is drawn and of the stamp: a change of either makes other data. */
const shapesVersion = 2;
export const stampName = 'shapes.json';
export interface ShapesOptions {
  /** Pictures of each of the ten classes; 600 unless given. */
  readonly perClass?: number;
  /** Width and height in pixels; 64 unless given. */
  readonly size?: number;
  /** Decides what is drawn; 1 unless given. */
  readonly seed?: number;
}

/** What fixes a written set; stands in its `shapes.json`. */
export interface ShapesStamp {
  readonly format: 'tandem shapes';
  readonly version: number;
  readonly perClass: number;
  readonly size: number;
  readonly seed: number;
  readonly classes: readonly string[];
}

export const defaultShapes = { perClass: 600, size: 64, seed: 1 } as const;

/** The stamp of the set that these options describe. */
export function shapesStamp(options: ShapesOptions): ShapesStamp {
  const { perClass, size, seed } = { ...defaultShapes, ...options };
  if (!Number.isInteger(perClass) || perClass < 1) {
    throw new RangeError(`expected 1 or more pictures per class, got ${perClass}`);
  }
  if (!Number.isInteger(size) || size < 16 || size > 1024) {
    throw new RangeError(`expected pictures of 16 to 1024 pixels, got ${size}`);
  }
  const classes = [...outlines.keys()];
  return { format: 'tandem shapes', version: shapesVersion, perClass, size, seed, classes };
}

/** The contents of the stamp's file. */
export function stampText(stamp: ShapesStamp): string {
  return `${JSON.stringify(stamp, null, 2)}\n`;
}

/**
 * Whether a folder holds this set, whole; false when there is no such folder or it is empty.
 *
 * @throws DatasetError when it holds anything else
 */
export async function holdsShapes(folder: string, stamp: ShapesStamp): Promise<boolean> {
  const names = await entriesOf(folder);
  if (names.length === 0) return false;
  if (!names.includes(stampName)) {
    throw new DatasetError(
      `${folder} holds other files (such as ${String(names[0])}): expected an empty folder or none; give another folder`,
    );
  }
  const found = await readFile(join(folder, stampName), 'utf8');
  if (found !== stampText(stamp)) {
    throw new DatasetError(
      `${folder} holds shapes drawn with other options: expected ${JSON.stringify(stamp)}, got ${found.replace(/\s+/g, ' ').trim()}; remove the folder or give another one`,
    );
  }
  for (const name of stamp.classes) {
    const count = (await entriesOf(join(folder, name))).length;
    if (count === stamp.perClass) continue;
    throw new DatasetError(
      `${join(folder, name)} is no longer as it was written: expected ${stamp.perClass} pictures, got ${count}; remove ${folder} to have it drawn again, or give another folder`,
    );
  }
  return true;
}

/** The names in a folder; none when there is no such folder. */
export async function entriesOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR') {
      throw new DatasetError(
        `${folder} is a file or lies in one: expected an empty folder or none; give another folder`,
        { cause: error },
      );
    }
    throw error;
  }
}
