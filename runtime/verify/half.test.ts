import { expect, test } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import { hasHalf } from '../webgpu/precision';
import { halfCases } from './cases';
import { passes, runCases, type CaseResult } from './run';

const fixture = dawnFixture();

test('every operation at odd shapes, stored as f16: one rounding, and f32 but for that', async ({
  skip,
}) => {
  skip(!hasHalf(fixture.device), 'this device has no shader-f16 (Mesa 25 lavapipe has)');
  const cases = halfCases();
  const results: CaseResult[] = [];
  await runCases({ device: fixture.device, description: 'Dawn' }, cases, {
    result: (result) => void results.push(result),
  });
  expect(results).toHaveLength(cases.length);
  expect(results.filter((result) => !passes(result))).toEqual([]);
  // Rounding is there, and it is not all there is: sums in f32 are off by less than the bound.
  const worst = Math.max(...results.flatMap(({ comparisons }) => comparisons.map((c) => c.maxAbs)));
  expect(worst).toBeGreaterThan(0);
}, 240_000);
