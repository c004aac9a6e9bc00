import { chmod, mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Random } from '../../../runtime/random';
import { DataError } from '../error';
import { drawShape } from './draw';
import { shapeNames } from './outline';
import { holdsShapes, stampName, stampText, type ShapesParameters } from './stamp';

export interface WriteShapesOptions extends ShapesParameters {
  readonly onProgress?: (done: number, total: number) => void;
}

export interface WrittenShapes {
  readonly path: string;
  readonly count: number;
  /** The folder held these very pictures already, and was left as it is. */
  readonly reused: boolean;
}

/** Pictures drawn at a time. */
const atOnce = 8;

/** The built-in data set in `data/`, drawn when it isn't there yet. */
export function ensureShapes(options: WriteShapesOptions): Promise<WrittenShapes> {
  return writeShapes(join('data', `shapes-${options.size}-${options.seed}`), options);
}

/**
 * Draws `perClass` pictures of each of the ten shapes as `dir/CLASS/NUMBER.jpg`. The folder appears
 * whole or not at all. Throws {@link DataError} when `dir` holds anything but these pictures.
 */
export async function writeShapes(
  dir: string,
  options: WriteShapesOptions,
): Promise<WrittenShapes> {
  const path = resolve(dir);
  const count = shapeNames.length * options.perClass;
  if (await holdsShapes(path, options)) return { path, count, reused: true };
  await expectFree(path, dir);
  await mkdir(dirname(path), { recursive: true });
  const partial = await mkdtemp(join(dirname(path), `.${basename(path)}-`));
  try {
    await chmod(partial, 0o755);
    await drawAll(partial, options);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another process drew the same pictures meanwhile, and was first.
    if (await holdsShapes(path, options)) return { path, count, reused: true };
    throw error;
  }
  return { path, count, reused: false };
}

async function drawAll(dir: string, options: WriteShapesOptions): Promise<void> {
  const { perClass, size, seed, onProgress } = options;
  const digits = String(perClass - 1).length;
  const total = shapeNames.length * perClass;
  let next = 0;
  let done = 0;
  for (const name of shapeNames) await mkdir(join(dir, name));
  const draw = async (): Promise<void> => {
    for (let index = next++; index < total; index = next++) {
      const name = shapeNames[Math.floor(index / perClass)];
      if (name === undefined) return;
      const number = index % perClass;
      const file = join(dir, name, `${String(number).padStart(digits, '0')}.jpg`);
      await writeFile(file, await drawShape(name, size, new Random(seed, 'shapes', name, number)));
      onProgress?.(++done, total);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, draw));
  await writeFile(join(dir, stampName), stampText(options));
}

/** An empty folder gives way; one with anything in it never does. */
async function expectFree(path: string, asGiven: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return;
    if (code !== 'ENOTDIR') throw error;
    throw new DataError(`${asGiven} is a file: name a folder for the pictures.`);
  }
  if (names.length === 0) return rmdir(path);
  throw new DataError(
    names.includes(stampName)
      ? `${asGiven} holds shapes of another size, count, seed or version, or not all of them: remove it, or name another folder.`
      : `${asGiven} is not empty: name a new folder, nothing in it is overwritten.`,
  );
}
