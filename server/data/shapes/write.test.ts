import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DatasetError } from '../error';
import { openFolder } from '../folder';
import { TestFolder } from '../picture-fixture';
import { ensureShapes } from './ensure';
import { writeShapes } from './write';

let folder: TestFolder;
let target: string;
beforeEach(async () => {
  folder = await TestFolder.create();
  target = join(folder.path, 'shapes');
});
afterEach(() => folder.remove());

const small = { perClass: 3, size: 16, seed: 4 };

async function contentsOf(path: string): Promise<Map<string, string>> {
  const names = await readdir(path, { recursive: true });
  const files = names.filter((name) => /\.(jpg|json)$/.test(name)).sort();
  const contents = new Map<string, string>();
  for (const name of files)
    contents.set(name, (await readFile(join(path, name))).toString('base64'));
  return contents;
}

test('ten classes of JPEG files, with a stamp that says what they are', async () => {
  const progress: number[] = [];
  const onProgress = (written: number, total: number): void => {
    progress.push(written, total);
  };
  expect(await writeShapes(target, { ...small, onProgress })).toEqual({
    path: target,
    count: 30,
    reused: false,
  });
  expect(progress).toHaveLength(60);
  expect(progress.slice(-2)).toEqual([30, 30]);
  const { classes, train, validation } = await openFolder(target, { seed: 1 });
  expect(classes).toEqual([
    ...['arrow', 'circle', 'crescent', 'cross', 'heart'],
    ...['pentagon', 'ring', 'square', 'star', 'triangle'],
  ]);
  expect([train.length, validation.length]).toEqual([20, 10]);
  const { format, width, height } = await sharp(train[0]?.path).metadata();
  expect([format, width, height]).toEqual(['jpeg', 16, 16]);
  expect(JSON.parse(await readFile(join(target, 'shapes.json'), 'utf8'))).toEqual({
    format: 'tandem shapes',
    version: 2,
    ...small,
    classes,
  });
  // Nothing else was left beside it.
  expect(await readdir(folder.path)).toEqual(['shapes']);
});

test('the same options write the same bytes, another seed others', async () => {
  await writeShapes(target, small);
  await writeShapes(`${target}-2`, small);
  await writeShapes(`${target}-3`, { ...small, seed: 5 });
  const contents = await contentsOf(target);
  expect(contents.size).toBe(31);
  expect(new Set(contents.values()).size).toBe(31);
  expect(await contentsOf(`${target}-2`)).toEqual(contents);
  const others = new Set((await contentsOf(`${target}-3`)).values());
  expect([...contents.values()].filter((content) => others.has(content))).toEqual([]);
});

test('a whole set of the same options is left as it is', async () => {
  await writeShapes(target, small);
  const marked = join(target, 'heart', 'heart-1.jpg');
  await writeFile(marked, 'touched');
  expect(await writeShapes(target, small)).toEqual({ path: target, count: 30, reused: true });
  expect(await readFile(marked, 'utf8')).toBe('touched');
});

test.each<[string, () => Promise<unknown>, string]>([
  [
    'a file',
    () => writeFile(target, 'mine'),
    'is a file or lies in one: expected an empty folder or none',
  ],
  [
    'a folder of something else',
    () => folder.write('shapes/mine.txt', 'mine'),
    'holds other files (such as mine.txt): expected an empty folder or none; give another folder',
  ],
  [
    'shapes of other options',
    () => writeShapes(target, { ...small, seed: 9 }),
    'holds shapes drawn with other options: expected {"format":"tandem shapes","version":2,"perClass":3,"size":16,"seed":4',
  ],
  [
    'shapes of which one is gone',
    async () => {
      await writeShapes(target, small);
      await rm(join(target, 'star', 'star-2.jpg'));
    },
    'is no longer as it was written: expected 3 pictures, got 2; remove',
  ],
])('%s in the way is refused with the remedy and stays', async (_what, prepare, message) => {
  await prepare();
  const before = await readdir(folder.path, { recursive: true });
  const error = await writeShapes(target, small).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatasetError);
  expect(String(error)).toContain(message);
  expect(await readdir(folder.path, { recursive: true })).toEqual(before);
});

test('a folder that cannot be made is refused with the remedy', async () => {
  // The name of the folder beside it, to be renamed, is longer than a name may be.
  const long = join(folder.path, 'x'.repeat(252));
  const error = await writeShapes(long, small).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatasetError);
  expect(String(error)).toContain('free some space or give another folder');
});

test('an empty folder is filled', async () => {
  await mkdir(target);
  expect((await writeShapes(target, small)).reused).toBe(false);
});

test('two that write the same at once end with one whole set', async () => {
  const written = await Promise.all([writeShapes(target, small), writeShapes(target, small)]);
  expect(written.map(({ reused }) => reused).sort()).toEqual([false, true]);
  expect(await readdir(folder.path)).toEqual(['shapes']);
  expect((await contentsOf(target)).size).toBe(31);
});

test('what fails half-way leaves nothing behind', async () => {
  const onProgress = (written: number): void => {
    if (written === 7) throw new Error('enough');
  };
  await expect(writeShapes(target, { ...small, onProgress })).rejects.toThrow('enough');
  expect(await readdir(folder.path)).toEqual([]);
});

test.each([
  [{ perClass: 0 }, 'expected 1 or more pictures per class, got 0'],
  [{ size: 8 }, 'expected pictures of 16 to 1024 pixels, got 8'],
])('%j is refused', async (options, message) => {
  await expect(writeShapes(target, options)).rejects.toThrow(message);
});

test('ensureShapes draws once into a folder named by its options', async () => {
  const started: [number, string][] = [];
  const onStart = (count: number, path: string): void => {
    started.push([count, path]);
  };
  const path = await ensureShapes(folder.path, { ...small, onStart });
  expect(path).toBe(join(folder.path, 'shapes-v2-16px-3-seed4'));
  expect(await ensureShapes(folder.path, { ...small, onStart })).toBe(path);
  expect(started).toEqual([[30, path]]);
  expect(await ensureShapes(folder.path, { ...small, seed: 5 })).not.toBe(path);
});
