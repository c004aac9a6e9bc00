import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createPrivate, HomeError, readPrivate, writePrivate } from './private-file';

test('a private file is for this user alone, and of many who make it one succeeds', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-home-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'new', 'key.pem');
  expect(await readPrivate(path)).toBeUndefined();
  const texts = ['a', 'b', 'c', 'd'];
  const made = await Promise.all(texts.map((text) => createPrivate(path, text)));
  expect(made.filter(Boolean)).toHaveLength(1);
  expect(await readFile(path, 'utf8')).toBe(texts[made.indexOf(true)]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);

  await Promise.all(texts.map((text) => writePrivate(path, text.repeat(1000))));
  expect(texts.map((text) => text.repeat(1000))).toContain(await readPrivate(path));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, 'new'))).toEqual(['key.pem']);
  await expect(writePrivate(join(path, 'below'), '')).rejects.toThrow(HomeError);
});
