import { chmod, mkdir, mkdtemp, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { Random } from '../../../runtime/random';
import { DatasetError } from '../error';
import { drawShape } from './draw';
import { outlines } from './outline';
import {
  entriesOf,
  holdsShapes,
  shapesStamp,
  stampName,
  stampText,
  type ShapesOptions,
  type ShapesStamp,
} from './stamp';

/** Pictures that are encoded at a time; more would only wait for libuv's four threads. */
const encodedAtOnce = 4;

export interface WriteShapesOptions extends ShapesOptions {
  readonly onProgress?: (written: number, total: number) => void;
}

export interface WrittenShapes {
  /** Absolute. */
  readonly path: string;
  /** Pictures of all classes. */
  readonly count: number;
  /** The folder held them already and was left as it is. */
  readonly reused: boolean;
}

/**
 * Writes the `shapes` data set as JPEG files in folders by class, with a `shapes.json` that says
 * what it is. The folder is either as before or whole at every moment. A whole set of the same
 * options that stands there already is left as it is.
 *
 * @throws DatasetError when the folder holds anything else, which is never touched, or can't be written
 */
export async function writeShapes(
  folder: string,
  options: WriteShapesOptions = {},
): Promise<WrittenShapes> {
  const stamp = shapesStamp(options);
  const path = resolve(folder);
  const count = stamp.classes.length * stamp.perClass;
  if (await holdsShapes(folder, stamp)) return { path, count, reused: true };
  const partial = await makeFolderBeside(path);
  try {
    // Temporary folders are the user's alone.
    await chmod(partial, 0o755);
    await drawAll(partial, stamp, options.onProgress);
    await writeFile(join(partial, stampName), stampText(stamp));
    const reused = !(await moveInto(partial, path));
    if (reused) {
      // Another process wrote there meanwhile: the same, or this throws.
      await holdsShapes(folder, stamp);
      await rm(partial, { recursive: true });
    }
    return { path, count, reused };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error instanceof DatasetError ? error : unwritable(path, error);
  }
}

async function makeFolderBeside(path: string): Promise<string> {
  try {
    await mkdir(dirname(path), { recursive: true });
    return await mkdtemp(join(dirname(path), `.${basename(path)}-`));
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): DatasetError {
  const reason = error instanceof Error ? error.message : String(error);
  return new DatasetError(
    `the shapes can't be written to ${path} (${reason.trim()}): expected a folder with room for them that this user may write to; free some space or give another folder`,
    { cause: error },
  );
}

async function drawAll(
  folder: string,
  { classes, perClass, size, seed }: ShapesStamp,
  onProgress: WriteShapesOptions['onProgress'],
): Promise<void> {
  for (const name of classes) await mkdir(join(folder, name));
  const digits = String(perClass - 1).length;
  const total = classes.length * perClass;
  let next = 0;
  let written = 0;
  let hasFailed = false;
  const drawNext = async (): Promise<void> => {
    while (next < total && !hasFailed) {
      const number = next++;
      // A picture of each class in turn.
      const name = classes[number % classes.length] ?? '';
      const index = Math.floor(number / classes.length);
      const outline = outlines.get(name);
      if (!outline) throw new RangeError(`expected an outline of '${name}'`);
      const pixels = drawShape(outline, size, new Random(seed, 'shapes', name, index));
      const file = join(folder, name, `${name}-${String(index).padStart(digits, '0')}.jpg`);
      await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
        .jpeg({ quality: 90 })
        .toFile(file);
      onProgress?.(++written, total);
    }
  };
  const drawing = Array.from({ length: encodedAtOnce }, async () => {
    try {
      await drawNext();
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  });
  // All of them have ended before the caller takes the folder away.
  const failed = (await Promise.allSettled(drawing)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** False when something stands there by now. */
async function moveInto(partial: string, path: string): Promise<boolean> {
  try {
    // Windows doesn't rename onto an empty folder; this removes no other.
    await rmdir(path);
  } catch {
    // None there, or not empty: the next line tells.
  }
  try {
    await rename(partial, path);
    return true;
  } catch (error) {
    if ((await entriesOf(path)).length > 0) return false;
    throw error;
  }
}
