import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../files/file-error';
import { DatasetError } from './error';

/** The pictures of one class. */
export interface ClassFolder {
  readonly name: string;
  /** Sorted by name. */
  readonly paths: readonly string[];
}

const picturePattern = /\.(jpe?g|png|webp)$/i;
const formats = '.jpg, .jpeg, .png or .webp';

/**
 * Reads `FOLDER/<class>/*`: each folder is a class, each picture directly in it one of its pictures.
 * Hidden files and folders, files of other kinds and deeper folders are passed over; links count
 * as what they point to.
 *
 * @throws DatasetError when the folder is missing or isn't one of classes
 */
export async function readClassFolders(folder: string): Promise<ClassFolder[]> {
  const entries = await readFolder(folder);
  const classes: ClassFolder[] = [];
  const empty: string[] = [];
  for (const name of await foldersIn(folder, entries)) {
    const path = join(folder, name);
    const files = filesOf(await readFolder(path));
    const pictures = files.filter((file) => picturePattern.test(file));
    if (pictures.length === 0) empty.push(emptyClass(path, files));
    classes.push({ name, paths: pictures.map((file) => join(path, file)) });
  }
  if (classes.length === 0) throw new DatasetError(noClasses(folder, filesOf(entries)));
  if (empty.length === classes.length) {
    throw new DatasetError(
      `${folder} holds no pictures: expected ${formats} files in one folder per class; ${String(empty[0])}`,
    );
  }
  if (empty.length > 0) {
    throw new DatasetError(
      `${empty.join('; ')}: expected ${formats} files directly in each class's folder; add pictures or remove the folder`,
    );
  }
  return classes;
}

/** The names of the folders in a folder, links to folders included; sorted. */
export async function foldersIn(folder: string, entries?: readonly Dirent[]): Promise<string[]> {
  const names: string[] = [];
  for (const entry of entries ?? (await readFolder(folder))) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) names.push(entry.name);
    else if (entry.isSymbolicLink() && (await pointsToFolder(join(folder, entry.name)))) {
      names.push(entry.name);
    }
  }
  return names.sort(byCodeUnits);
}

function filesOf(entries: readonly Dirent[]): string[] {
  return entries
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort(byCodeUnits);
}

async function readFolder(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new DatasetError(`${folder} ${unreadable(error)}`, { cause: error });
  }
}

function unreadable(error: unknown): string {
  const expected = 'a folder with one folder of pictures per class';
  switch (systemCode(error)) {
    case 'ENOENT':
      return `does not exist: expected ${expected}; check the path, or use --data shapes for the built-in pictures`;
    case 'ENOTDIR':
      return `is a file: expected ${expected}; give the folder that holds the classes`;
    case 'EACCES':
    case 'EPERM':
      return "can't be read: this user lacks the permission; grant it or give another folder";
    default:
      return `can't be read (${error instanceof Error ? error.message : String(error)})`;
  }
}

function noClasses(folder: string, files: readonly string[]): string {
  const pictures = files.filter((file) => picturePattern.test(file));
  if (pictures.length === 0) {
    return `${folder} holds no pictures: expected one folder per class with ${formats} files in it, such as ${join(folder, 'cat')} and ${join(folder, 'dog')}`;
  }
  const some = pictures.length === 1 ? 'one picture' : `${pictures.length} pictures`;
  return `${folder} holds ${some} (such as ${String(pictures[0])}) but no class folders: put the pictures into one folder per class, such as ${join(folder, 'cat')} and ${join(folder, 'dog')}`;
}

function emptyClass(path: string, files: readonly string[]): string {
  if (files.length === 0) return `${path} holds no pictures`;
  return `${path} holds no pictures, only files of other kinds (such as ${String(files[0])})`;
}

async function pointsToFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // A dead link is no folder.
    return false;
  }
}

/** The same order on every computer, whatever its language. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
