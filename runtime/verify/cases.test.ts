import { expect, test } from 'vitest';
import { operationModules } from '../webgpu/operations/index';
import { caseSets } from './case-set';
import { smallCases, verificationCases } from './cases';
import { operationNames } from './operation-case';

const nothingGolden = { cases: [], samples: new Map<string, Float32Array>() };
const idOf = ({ op, shape }: { op: string; shape: string }): string => `${op}, ${shape}`;

test('odd shapes of every operation, loss and optimizer', () => {
  const ops = new Set(smallCases().map(({ op }) => op));
  for (const kind of Object.keys(operationModules) as (keyof typeof operationNames)[]) {
    expect(ops).toContain(operationNames[kind]);
  }
  expect([...ops]).toEqual(
    expect.arrayContaining(['softmax cross-entropy', 'SGD', 'AdamW', 'boundary layout']),
  );
});

test.each(caseSets)('no case of the %s set comes twice', (set) => {
  const ids = verificationCases(set, nothingGolden, true).map(idOf);
  expect(new Set(ids).size).toBe(ids.length);
});

test('the full set has the networks’ convolutions at the shapes of 224x224 pictures', () => {
  const ids = verificationCases('full', nothingGolden, true).map(idOf);
  expect(ids).toEqual(
    expect.arrayContaining([
      'convolution, 1x3x224x224 to 64 channels, 7x7, stride 2',
      'convolution, 1x64x56x56 to 64 channels, 3x3',
      'convolution, 1x64x56x56 to 128 channels, 3x3, stride 2',
      'convolution, 1x256x14x14 to 512 channels, 1x1, stride 2',
      'convolution, 1x512x7x7 to 512 channels, 3x3',
      'convolution, 1x1024x14x14 to 2048 channels, 1x1, stride 2',
      'convolution, 1x2048x7x7 to 512 channels, 1x1',
      'batch norm, 1x2048x7x7',
      'max pool, 1x64x112x112, 3x3, stride 2',
      'pad shortcut, 2x16x32x32 to 32 channels, stride 2',
      'global average pool, 1x2048x7x7',
      'linear, 1x2048 to 1000',
    ]),
  );
});

test.each(caseSets)(
  'where a device has f16, the %s set has the networks’ shapes in it too',
  (set) => {
    const ids = new Set(verificationCases(set, nothingGolden, true).map(idOf));
    const single = verificationCases(set, nothingGolden, false);
    const ofImages = single.filter(
      ({ op, shape }) => /^(convolution|batch norm)$/.test(op) && /^1x/.test(shape),
    );
    expect(ofImages.length).toBeGreaterThan(30);
    for (const { op, shape } of ofImages) expect(ids, shape).toContain(`${op} (f16), ${shape}`);
  },
);

test('the quick set has the same channels, kernels and strides as the full one', () => {
  const [quick, full] = caseSets.map((set) =>
    verificationCases(set, nothingGolden, true)
      .filter(({ op }) => op === 'convolution')
      .map(({ shape }) => shape.replace(/x\d+x\d+ to/, ' to'))
      .sort(),
  );
  expect(new Set(quick)).toEqual(new Set(full));
});
