import { expect, test } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import { directions } from './convolution-case';
import type { Findings } from './report';
import { runBenchmark } from './run';
import { benchSettings } from './settings';

const fixture = dawnFixture();

test('everything is measured and right, and each part is told as soon as it is there', async () => {
  const begun: string[] = [];
  const fractions: number[] = [];
  const seen: Findings[] = [];
  const findings = await runBenchmark(
    { device: fixture.device, description: 'Dawn', software: true },
    {
      begin(what, fraction) {
        begun.push(what);
        fractions.push(fraction);
      },
      found: (some) => void seen.push(some),
    },
    // A few of them: what the time is over for is counted.
    { ...benchSettings(true), convolutionsMs: 2000, tilesMs: 500 },
  );
  const { peak, convolutions, tiles = [], loops = [], products = [], submits } = findings;
  expect(peak?.gigaflops).toBeGreaterThan(0);
  expect(peak?.gigabytesPerSecond).toBeGreaterThan(0);
  const { measured = [], leftOut = 0 } = convolutions ?? {};
  expect(measured.length).toBeGreaterThan(0);
  // 11 distinct convolutions three ways; the stem has no input gradient.
  expect(measured.length + leftOut).toBe(11 * directions.length - 1);
  for (const { name, right, gigaflops, peakShare } of measured) {
    expect(right, name).toBe(true);
    expect(gigaflops, name).toBeGreaterThan(0);
    expect(peakShare, name).toBeGreaterThan(0);
  }
  expect(tiles.length).toBeGreaterThan(0);
  for (const { chosen, tiles: timed } of tiles) {
    const fastest = Math.min(...timed.map(({ ms }) => ms));
    expect(timed.find(({ kernel }) => kernel === chosen)?.ms).toBe(fastest);
  }
  expect(loops.map(({ form, right }) => [form, right])).toEqual([
    ['guarded', true],
    ['unrolled', true],
  ]);
  expect(products.map(({ form, right }) => [form, right])).toEqual([
    ['registers', true],
    ['workgroup', true],
  ]);
  expect(submits).toMatchObject({ ended: 'bound', atMs: 64 });
  expect(submits?.steps.map(({ aimMs }) => aimMs)).toEqual([1, 2, 4, 8, 16, 32, 64]);

  expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  expect(begun.at(-1)).toBe('a submit of 64 ms');
  expect(seen[0]).toEqual({ peak });
  expect(seen.at(-1)).toEqual(findings);
});
