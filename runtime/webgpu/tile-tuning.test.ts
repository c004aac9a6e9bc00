import { expect, test } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import type { Precision, StageSpec } from '../engine';
import { initialize } from '../model/initialize';
import { buildResNet } from '../model/resnet';
import { normal64 } from '../reference/finite-difference';
import { toFloat32 } from '../reference/tensor64';
import { WebGpuEngine } from './engine';
import { planSingleConvolution } from './single-convolution';
import { planStage } from './stage-plan';
import { hasHalf } from './precision';
import {
  fastestTile,
  timeTiles,
  TuningCases,
  tuneTiles,
  type TuningCase,
  type TuningStore,
} from './tile-tuning';

const fixture = dawnFixture();

const { units } = buildResNet({ architecture: 'resnet18', stem: 'imagenet', numClasses: 10 });
const spec: StageSpec = {
  units: units.filter(({ name }) => name === 'layer1.0' || name === 'layer2.0'),
  inputShape: [64, 5, 3],
  microBatchSize: 2,
  numMicroBatches: 1,
  maxInFlight: 1,
  needsInputGradient: true,
  optimizer: { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
};

class MemoryStore implements TuningStore {
  readonly items = new Map<string, string>();
  getItem = (key: string): string | null => this.items.get(key) ?? null;
  setItem = (key: string, value: string): void => {
    this.items.set(key, value);
  };
}

function casesOf(): TuningCases['byKey'] {
  const cases = new TuningCases();
  planStage(spec, 2 ** 28, cases.record);
  return cases.byKey;
}

/** The stage's first product. */
function firstCase(precision: Precision = 'f32'): [TuningCase, TuningCases] {
  const [first] = casesOf().values();
  if (!first) throw new Error('the stage has convolutions');
  const { pass, shape, count } = first;
  const cases = new TuningCases(precision);
  cases.record(pass, shape, count);
  return [{ ...first, precision }, cases];
}

test('the fastest, of equals the larger', () => {
  expect(fastestTile([3, 1, 2])).toBe(1);
  expect(fastestTile([2, 1, 1])).toBe(2);
});

test('every different product of a stage once', () => {
  // 3x3 at 64 channels, 3x3 stride 2, 3x3 at 128, 1x1 stride 2; each in three passes.
  expect([...casesOf().keys()].sort()).toEqual(
    ['forward', 'inputGradient', 'weightGradient'].flatMap((pass) => [
      `f32 ${pass} 2x128x3x2 128x3x2 k3s1p1`,
      `f32 ${pass} 2x64x5x3 128x3x2 k1s2p0`,
      `f32 ${pass} 2x64x5x3 128x3x2 k3s2p1`,
      `f32 ${pass} 2x64x5x3 64x5x3 k3s1p1`,
    ]),
  );
});

test('a choice is measured once for a device, and read from the store after', async () => {
  const store = new MemoryStore();
  const [{ pass, shape, count }, cases] = firstCase();
  expect([pass, count]).toEqual(['forward', 3]);
  // The budget's check leaves the clock alone; each timed run begins and ends: 9, 1 and 5 ms.
  const durations = [9, 1, 5];
  let clock = 0;
  let calls = 0;
  // Calls: the start, the budget, then two a tile: begin, end.
  const now = (): number => {
    const place = calls++;
    if (place >= 3 && place % 2 === 1) clock += durations[(place - 3) / 2] ?? 0;
    return clock;
  };
  const tuned = await tuneTiles(fixture.device, 'one', cases, { store, now });
  expect(tuned(pass, shape, count)).toBe(1);
  expect(calls).toBe(8);
  expect([...store.items.values()]).toEqual(['1']);
  expect([...store.items.keys()][0]).toMatch(/ one:f32 forward 2x64x5x3 64x5x3 k3s1p1$/);

  const idle = { store, now: () => 0, budget: 0 };
  const again = await tuneTiles(fixture.device, 'one', cases, idle);
  expect(again(pass, shape, count)).toBe(1);
  const other = await tuneTiles(fixture.device, 'another', cases, idle);
  expect(other(pass, shape, count)).toBe(2);
});

test('f16 has keys of its own: what f32 found says nothing about it', async () => {
  const store = new MemoryStore();
  const [{ pass, shape, count }, cases] = firstCase();
  await tuneTiles(fixture.device, 'one', cases, { store, now: () => 0 });
  const [key = ''] = store.items.keys();
  store.setItem(key, '0');
  store.setItem(key.replace(':f32 ', ':f16 '), '1');
  const chosen = async (precision: Precision): Promise<number> => {
    const idle = { store, now: () => 0, budget: 0 };
    const tuned = await tuneTiles(fixture.device, 'one', firstCase(precision)[1], idle);
    return tuned(pass, shape, count);
  };
  expect(await chosen('f32')).toBe(0);
  expect(await chosen('f16')).toBe(1);
});

test('f16 is timed with its own kernels, on values of half the bytes', async () => {
  const [tuningCase] = firstCase('f16');
  const { pass, shape, count } = tuningCase;
  const [single, half] = (['f32', 'f16'] as const).map((precision) =>
    planSingleConvolution(pass, shape, undefined, precision),
  );
  expect(half?.dispatches.map(({ kernel }) => kernel.name)).toEqual(['convolution-8x2 (f16)']);
  expect(half?.x.region.bytes).toBe((single?.x.region.bytes ?? NaN) / 2);
  expect(half?.weight.bytes).toBe(single?.weight.bytes);
  const timed = timeTiles(fixture.device, tuningCase, () => 0);
  if (hasHalf(fixture.device)) expect(await timed).toHaveLength(count);
  // A device without f16 refuses the first kernel: the f16 one.
  else await expect(timed).rejects.toThrow(/^convolution-4x1 \(f16\)\.wgsl/);
});

test('a tuned stage computes the same', async () => {
  const input = toFloat32(normal64([2, 64, 5, 3], 1));
  const run = async (tile: number): Promise<Float32Array[]> => {
    // All that is asked for is in the store: nothing is timed.
    const store = { getItem: () => String(tile), setItem: () => undefined };
    const engine = new WebGpuEngine(
      { device: fixture.device, description: 'Dawn' },
      { store, now: () => 0 },
    );
    await engine.load(spec);
    await engine.importState(initialize(spec.units, 3));
    const output = await engine.forward(0, input);
    const gradient = await engine.backward(0, output);
    const gradients = [...(await engine.exportGradients()).values()].map(({ data }) => data);
    await engine.dispose();
    return [output.data, gradient?.data ?? new Float32Array(), ...gradients];
  };
  expect(await run(0)).toEqual(await run(1));
});
