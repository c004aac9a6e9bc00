import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MicroBatch } from '../coordinator/pipeline';
import type { ValidationBatch } from '../coordinator/training-data';
import type { Augmentation } from './augmentation';
import { DatasetError, UndecodablePicturesError } from './error';
import { openFolder } from './folder';
import { DataLoader, type DataLoaderOptions } from './loader';
import { plain, ramps, TestFolder } from './picture-fixture';

let folder: TestFolder;
const loaders: DataLoader[] = [];
beforeEach(async () => {
  folder = await TestFolder.create();
});
afterEach(async () => {
  for (const loader of loaders.splice(0)) await loader.close();
  await folder.remove();
});

async function open(
  options: Partial<DataLoaderOptions> = {},
  validationFraction = 0,
): Promise<DataLoader> {
  const sizes = { imageSize: 16, batchSize: 4, microBatchSize: 2, seed: 5, ...options };
  const dataset = await openFolder(folder.path, { seed: sizes.seed, validationFraction });
  const loader = new DataLoader(dataset, sizes);
  loaders.push(loader);
  return loader;
}

/** The byte that a normalised red value was made of. */
const redByte = (value: number | undefined): number =>
  Math.round(255 * ((value ?? NaN) * 0.229 + 0.485));
const greenByte = (value: number | undefined): number =>
  Math.round(255 * ((value ?? NaN) * 0.224 + 0.456));

/** Which pictures of `writePictures` a batch holds, as `LABEL:GREEN`, from the middle pixel. */
function picturesIn(batch: readonly MicroBatch[]): string[] {
  return batch.flatMap(({ input, labels }) => {
    const [, , height = 0, width = 0] = input.shape;
    const middle = (height / 2) * width + width / 2;
    return Array.from(labels, (label, row) => {
      const start = row * 3 * height * width;
      return `${label}:${greenByte(input.data[start + height * width + middle])}`;
    });
  });
}

/** Rough 20x16 pictures, no two alike, so that another crop is another tensor. */
async function writeRough(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const picture = ramps(200, 160).modulate({ hue: 40 * index, brightness: 1 });
    await folder.write(`${index % 2 === 0 ? 'a' : 'b'}/${index}.jpg`, picture.resize(20, 16));
  }
}

const steps = async (
  loader: DataLoader,
  ...numbers: number[]
): Promise<(readonly MicroBatch[])[]> => {
  const batches: (readonly MicroBatch[])[] = [];
  for (const number of numbers) batches.push(await loader.batch(number));
  return batches;
};

async function validationOf(loader: DataLoader): Promise<ValidationBatch[]> {
  const batches: ValidationBatch[] = [];
  for await (const batch of loader.validation()) batches.push(batch);
  return batches;
}

test('a step is micro-batches of NCHW pictures with their labels', async () => {
  await folder.writePictures('a', 3);
  await folder.writePictures('b', 3);
  const loader = await open();
  expect([loader.classes, loader.stepsPerEpoch, loader.validationCount]).toEqual([
    ['a', 'b'],
    1,
    0,
  ]);
  const batch = await loader.batch(1);
  expect(batch.map(({ input, labels }) => [input.shape, input.data.length, labels.length])).toEqual(
    [
      [[2, 3, 16, 16], 1536, 2],
      [[2, 3, 16, 16], 1536, 2],
    ],
  );
  expect(batch[0]?.labels).toBeInstanceOf(Int32Array);
});

test('each epoch takes every picture at most once, in an order of its own', async () => {
  await folder.writePictures('a', 7);
  await folder.writePictures('b', 7);
  const loader = await open();
  expect(loader.stepsPerEpoch).toBe(3);
  const first = (await steps(loader, 1, 2, 3)).flatMap(picturesIn);
  const second = (await steps(loader, 4, 5, 6)).flatMap(picturesIn);
  for (const epoch of [first, second]) expect(new Set(epoch).size).toBe(12);
  expect(second).not.toEqual(first);
});

test.each<Augmentation>(['imagenet', 'cifar', 'none'])(
  'any step in any order gives bitwise the same as in turn (%s)',
  async (augmentation) => {
    await writeRough(9);
    const inTurn = await steps(await open({ augmentation }), 1, 2, 3, 4);
    const loader = await open({ augmentation, cacheBytes: 4000, decodeLimit: 1 });
    const [fourth, second, third, first, again] = await steps(loader, 4, 2, 3, 1, 2);
    expect([first, second, third, fourth]).toEqual(inTurn);
    expect(again).toEqual(inTurn[1]);
  },
);

test.each<[Augmentation, boolean]>([
  ['imagenet', true],
  ['cifar', true],
  ['none', false],
])('with %s, another epoch sees a picture in another way: %s', async (augmentation, differs) => {
  await writeRough(2);
  const loader = await open({ augmentation, batchSize: 2 });
  const seen = (batch: readonly MicroBatch[] | undefined, label: number): Float32Array => {
    const { labels, input } = batch?.[0] ?? {
      labels: Int32Array.of(),
      input: { data: Float32Array.of() },
    };
    const row = labels.indexOf(label);
    return input.data.slice(row * 768, (row + 1) * 768);
  };
  const [first, second] = await steps(loader, 1, 2);
  for (const label of [0, 1]) {
    expect(seen(first, label)).toHaveLength(768);
    if (differs) expect(seen(second, label)).not.toEqual(seen(first, label));
    else expect(seen(second, label)).toEqual(seen(first, label));
  }
});

test('another seed gives another order and other crops', async () => {
  await writeRough(8);
  const [one] = await steps(await open({ seed: 5 }), 1);
  const [other] = await steps(await open({ seed: 6 }), 1);
  expect(other).not.toEqual(one);
});

test('a picture in evaluation is its middle, normalised', async () => {
  for (const name of ['a/0.png', 'b/0.png']) await folder.write(name, ramps(200, 150));
  await folder.write('b/1.png', ramps(200, 150));
  // 80 of 91 pixels of the shorter side.
  const loader = await open({ imageSize: 80, batchSize: 1, microBatchSize: 1 }, 0.1);
  const [batch] = await validationOf(loader);
  expect([batch?.count, batch?.labels, batch?.input.shape]).toEqual([
    ...[1, Int32Array.of(1), [1, 3, 80, 80]],
  ]);
  const data = batch?.input.data;
  // The picture is resized to 121x91, the middle begins at (20, 5).
  const at = (x: number, y: number): [number, number] => [
    ((20 + x + 0.5) * 200) / 121 - 0.5,
    ((5 + y + 0.5) * 150) / 91 - 0.5,
  ];
  for (const [x, y] of [
    [0, 0],
    [40, 20],
    [79, 79],
  ] as const) {
    const [red, green] = at(x, y);
    expect(Math.abs(redByte(data?.[y * 80 + x]) - red)).toBeLessThan(1.2);
    expect(Math.abs(greenByte(data?.[6400 + y * 80 + x]) - green)).toBeLessThan(1.2);
  }
});

test('validation comes in fixed order, the rest of the last micro-batch is zeros', async () => {
  await folder.writePictures('a', 6);
  await folder.writePictures('b', 4);
  const loader = await open({ microBatchSize: 4, batchSize: 4 }, 0.5);
  expect(loader.validationCount).toBe(5);
  const batches = await validationOf(loader);
  expect(batches.map(({ count, labels }) => [count, [...labels]])).toEqual([
    [4, [0, 0, 0, 1]],
    [1, [1]],
  ]);
  expect(batches[1]?.input.shape).toEqual([4, 3, 16, 16]);
  expect(batches[1]?.input.data.subarray(768).every((value) => value === 0)).toBe(true);
  expect(batches[1]?.input.data.subarray(0, 768).every((value) => value !== 0)).toBe(true);
  expect(await validationOf(loader)).toEqual(batches);
});

test('fewer pictures than one batch are refused with the remedy', async () => {
  await folder.writePictures('a', 1);
  await folder.writePictures('b', 2);
  await expect(open()).rejects.toThrow(DatasetError);
  await expect(open()).rejects.toThrow(
    'the data set has 3 pictures to train with, fewer than one batch of 4: use a batch of at most 3 or add pictures',
  );
});

test('a batch that is not whole micro-batches, and a step before the first, are refused', async () => {
  await folder.writePictures('a', 4);
  await folder.writePictures('b', 4);
  await expect(open({ batchSize: 5 })).rejects.toThrow('multiple of the micro-batch size 2, got 5');
  const loader = await open();
  expect(() => loader.batch(0)).toThrow('expected a step of 1 or more, got 0');
});

test('a picture that cannot be decoded is named once and replaced by the next of the order', async () => {
  const paths = [
    ...(await folder.writePictures('a', 60)),
    ...(await folder.writePictures('b', 60)),
  ];
  const clean = await open();
  const numbers = Array.from({ length: 2 * clean.stepsPerEpoch }, (_, index) => index + 1);
  const expected = (await steps(clean, ...numbers)).map(picturesIn);
  const broken = paths[7] ?? '';
  await writeFile(broken, (await readFile(broken)).subarray(0, 60));
  const notices: string[] = [];
  const loader = await open({ onNotice: (text) => notices.push(text) });
  const actual = (await steps(loader, ...numbers)).map(picturesIn);

  const order = expected.flat();
  const followed = order.map((name, place) => {
    const epochStart = place < 120 ? 0 : 120;
    return name === '0:7' ? order[epochStart + ((place + 1 - epochStart) % 120)] : name;
  });
  expect(order.filter((name) => name === '0:7')).toHaveLength(2);
  expect(actual.flat()).toEqual(followed);
  expect(notices).toHaveLength(1);
  expect(notices[0]).toContain(`Skipped a picture that can't be decoded (1 so far): ${broken}: `);
});

test('more than 1% of undecodable pictures end the run with their names', async () => {
  const paths = [
    ...(await folder.writePictures('a', 60)),
    ...(await folder.writePictures('b', 60)),
  ];
  const broken = [paths[3] ?? '', paths[70] ?? ''];
  for (const path of broken) await writeFile(path, 'text');
  const loader = await open();
  const all = Array.from({ length: 30 }, (_, index) => index + 1);
  const error = await steps(loader, ...all).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UndecodablePicturesError);
  expect(String(error)).toContain("2 pictures of 120 can't be decoded, expected at most 1%: ");
  for (const path of broken) expect(String(error)).toContain(`${path} (`);
  expect(String(error)).toContain('repair or remove them');
  // A run that goes back and asks again gets no other batches.
  await expect(steps(loader, ...all)).rejects.toThrow(UndecodablePicturesError);
});

test('in evaluation an undecodable picture is left out of its micro-batch', async () => {
  await folder.writePictures('train/a', 60);
  await folder.writePictures('train/b', 60);
  const [first = ''] = await folder.writePictures('val/a', 2, { red: 50 });
  await folder.writePictures('val/b', 2, { red: 100 });
  await writeFile(first, '');
  const [batch, ...rest] = await validationOf(await open({ microBatchSize: 4 }));
  expect([batch?.count, batch?.labels, rest.length]).toEqual([3, Int32Array.of(0, 1, 1), 0]);
  const reds = [0, 768, 1536, 2304].map((offset) => batch?.input.data[offset]);
  expect(reds.slice(0, 3).map(redByte)).toEqual([50, 100, 100]);
  expect(reds[3]).toBe(0);
});

test('closed while a batch is under way, it ends in an error and leaves nothing behind', async () => {
  for (let index = 0; index < 12; index++) {
    await folder.write(
      `${index % 2 === 0 ? 'a' : 'b'}/${index}.jpg`,
      plain(900, 900, [1, 2, index]),
    );
  }
  const loader = await open({ imageSize: 96, batchSize: 12, microBatchSize: 6 });
  const batch = loader.batch(1);
  const failed = expect(batch).rejects.toThrow('the data was closed');
  await loader.close();
  await failed;
  await expect(loader.batch(1)).rejects.toThrow('the data was closed');
});
