import { expect, test } from 'vitest';
import { differenceFrom } from './fingerprint';
import { labelsOf, valuesOf } from './values';

// The numbers are what values.py and fingerprint.py print.

test('values are those of values.py, bit by bit', () => {
  expect([...valuesOf('conv1.weight', [6], { scale: 1.5, offset: 0.25 }).data]).toEqual([
    -0.736830472946167, 1.2495653629302979, -0.7286854982376099, -0.5232424139976501,
    1.249321699142456, -1.197645902633667,
  ]);
  expect([...valuesOf('x', [2, 4], { scale: 0.5, offset: -1, levels: 5 }).data]).toEqual([
    1, 0, 0.5, 0.5, -0.5, 1, -1, -1,
  ]);
  expect([...labelsOf('labels', 8, 10)]).toEqual([3, 8, 0, 6, 9, 0, 7, 9]);
});

test('a fingerprint is that of fingerprint.py, and any value that changes shows in it', () => {
  const x = valuesOf('x', [3, 5], { scale: 1, offset: 0 });
  const fingerprint = { shape: [3, 5], stride: 7, rms: 0.6126588, projection: -0.096590330768646 };
  const sample = Float32Array.of(0.80181766, -0.80569804, 0.81254447);
  const same = differenceFrom(fingerprint, sample, x);
  expect(same.shape).toEqual([3, 5]);
  expect(same.largest).toBeLessThan(1e-7);
  expect(same.relative).toBeLessThan(1e-7);
  expect(same.projection).toBeLessThan(1e-7);
  for (let index = 0; index < 15; index++) {
    const data = x.data.slice();
    data[index] = 0;
    const { largest, projection } = differenceFrom(fingerprint, sample, { shape: [3, 5], data });
    expect(projection, `index ${index}`).toBeGreaterThan(1e-3);
    expect(largest > 0.1, `index ${index}`).toBe(index % 7 === 0);
  }
});

test('NaN and a wrong number of values are differences', () => {
  const fingerprint = { shape: [2], stride: 1, rms: 1, projection: 0 };
  const sample = Float32Array.of(1, 2);
  for (const data of [Float32Array.of(1, NaN), Float32Array.of(1), Float32Array.of(1, 2, 3)]) {
    expect(differenceFrom(fingerprint, sample, { shape: [2], data }).largest).toBeNaN();
  }
});
