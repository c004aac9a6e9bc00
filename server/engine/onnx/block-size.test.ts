import { expect, test } from 'vitest';
import { computesRight, findBlockSize } from './block-size';

test('the one block size that is found is the one that computes right', async () => {
  const found = await findBlockSize();
  // None is a right answer too: then the engine uses standard operators alone.
  const right = await Promise.all(
    [16, 8, 4].map(async (size) => (await computesRight(size)) && size),
  );
  expect(right.filter((size) => size !== false)).toEqual(found === undefined ? [] : [found]);
});
