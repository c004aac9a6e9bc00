import { chmod, symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Dataset } from './dataset';
import { DatasetError } from './error';
import { openFolder } from './folder';
import { TestFolder } from './picture-fixture';

let folder: TestFolder;
beforeEach(async () => {
  folder = await TestFolder.create();
});
afterEach(() => folder.remove());

/** Scanning doesn't look into the files. */
const write = async (...names: string[]): Promise<void> => {
  for (const name of names) await folder.write(name, '');
};
const open = (name = '.', options = {}): Promise<Dataset> =>
  openFolder(join(folder.path, name), { seed: 1, ...options });
const namesOf = (pictures: Dataset['train']): string[] =>
  pictures.map(({ path, label }) => `${label} ${relative(folder.path, path)}`);

test('each folder is a class; pictures of three formats, in any case, sorted by name', async () => {
  await write('b/2.JPG', 'b/10.webp', 'b/B.png', 'b/a.JPEG', 'a/1.jpg', 'a/2.PnG');
  await write(
    'a/notes.txt',
    'a/.hidden.jpg',
    'a/._1.jpg',
    'a/deeper/3.jpg',
    '.git/x.jpg',
    'readme',
  );
  const { classes, train, validation } = await open('.', { validationFraction: 0 });
  expect(classes).toEqual(['a', 'b']);
  expect(namesOf(train)).toEqual([
    ...['0 a/1.jpg', '0 a/2.PnG'],
    ...['1 b/10.webp', '1 b/2.JPG', '1 b/B.png', '1 b/a.JPEG'],
  ]);
  expect(validation).toEqual([]);
});

test('links to folders and to pictures count as what they point to', async () => {
  await write('elsewhere/1.jpg', 'data/a/1.jpg');
  await symlink(join(folder.path, 'elsewhere'), join(folder.path, 'data/b'));
  await symlink(join(folder.path, 'elsewhere/1.jpg'), join(folder.path, 'data/a/2.jpg'));
  await symlink(join(folder.path, 'nowhere'), join(folder.path, 'data/dead'));
  const { train } = await open('data', { validationFraction: 0 });
  expect(namesOf(train)).toEqual(['0 data/a/1.jpg', '0 data/a/2.jpg', '1 data/b/1.jpg']);
});

test('a tenth of each class is kept for validation, from the seed, at least one', async () => {
  for (const [name, count] of Object.entries({ many: 40, few: 3, one: 1 })) {
    await write(...Array.from({ length: count }, (_, index) => `${name}/${index}.jpg`));
  }
  const first = await open();
  const perClass = (pictures: Dataset['train']): number[] =>
    first.classes.map((_, label) => pictures.filter((picture) => picture.label === label).length);
  expect(first.classes).toEqual(['few', 'many', 'one']);
  expect(perClass(first.validation)).toEqual([1, 4, 0]);
  expect(perClass(first.train)).toEqual([2, 36, 1]);
  expect(new Set([...namesOf(first.train), ...namesOf(first.validation)]).size).toBe(44);
  expect(await open()).toEqual(first);
  expect(namesOf((await open('.', { seed: 2 })).validation)).not.toEqual(namesOf(first.validation));
});

test('train and val are taken as the split when both hold classes', async () => {
  await write('train/a/1.jpg', 'train/a/2.jpg', 'train/b/1.jpg', 'val/b/9.jpg');
  const { classes, train, validation } = await open();
  expect(classes).toEqual(['a', 'b']);
  expect(namesOf(train)).toEqual(['0 train/a/1.jpg', '0 train/a/2.jpg', '1 train/b/1.jpg']);
  expect(namesOf(validation)).toEqual(['1 val/b/9.jpg']);
});

test('train and val are classes when pictures lie directly in them', async () => {
  await write('train/1.jpg', 'val/1.jpg');
  expect((await open()).classes).toEqual(['train', 'val']);
});

test.each<[string, string[], string]>([
  ['missing', [], 'DIR/missing does not exist: expected a folder with one folder of pictures'],
  ['file.jpg', ['file.jpg'], 'DIR/file.jpg is a file: expected a folder with one folder of'],
  ['.', [], 'DIR holds no pictures: expected one folder per class with .jpg, .jpeg, .png or .webp'],
  [
    '.',
    ['a/x.heic', 'b/y.txt'],
    'DIR holds no pictures: expected .jpg, .jpeg, .png or .webp files',
  ],
  [
    '.',
    ['2.jpg', '1.jpg', 'x.txt'],
    'DIR holds 2 pictures (such as 1.jpg) but no class folders: put the pictures into one folder per class, such as DIR/cat and DIR/dog',
  ],
  [
    '.',
    ['a/1.jpg'],
    'DIR holds only one class (a): expected two or more, one folder each; add a folder of pictures that are something else',
  ],
  [
    '.',
    ['a/1.jpg', 'b/x.heic', 'c/1.jpg'],
    'DIR/b holds no pictures, only files of other kinds (such as x.heic): expected .jpg, .jpeg, .png or .webp files directly in each class',
  ],
  [
    '.',
    ['train/a/1.jpg', 'train/b/1.jpg', 'val/c/1.jpg'],
    'DIR/val/c is a class without pictures to train with: expected one of a, b; add DIR/train/c or remove the folder',
  ],
  ['.', ['train/a/1.jpg', 'val/a/1.jpg'], 'DIR/train holds only one class (a)'],
])('%s with %j is refused with the remedy', async (name, files, message) => {
  await write(...files);
  const error = await open(name).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DatasetError);
  expect(String(error).replaceAll(folder.path, 'DIR')).toContain(`DatasetError: ${message}`);
});

test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
  'a folder without permission is refused with the remedy',
  async () => {
    await write('a/1.jpg');
    await chmod(join(folder.path, 'a'), 0);
    await expect(open()).rejects.toThrow("can't be read: this user lacks the permission");
    await chmod(join(folder.path, 'a'), 0o700);
  },
);

test('a validation fraction that leaves nothing to train with is refused', async () => {
  await expect(open('.', { validationFraction: 1 })).rejects.toThrow('below 1, got 1');
});
