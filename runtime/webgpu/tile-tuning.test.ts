import { expect, test } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import type { StageSpec } from '../engine';
import { initialize } from '../model/initialize';
import { buildResNet } from '../model/resnet';
import { normal64 } from '../reference/finite-difference';
import { toFloat32 } from '../reference/tensor64';
import { WebGpuEngine } from './engine';
import { planStage } from './stage-plan';
import { fastestTile, TuningCases, tuneTiles, type TuningStore } from './tile-tuning';

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

test('the fastest, of equals the larger', () => {
  expect(fastestTile([3, 1, 2])).toBe(1);
  expect(fastestTile([2, 1, 1])).toBe(2);
});

test('every different product of a stage once', () => {
  // 3x3 at 64 channels, 3x3 stride 2, 3x3 at 128, 1x1 stride 2; each in three passes.
  expect([...casesOf().keys()].sort()).toEqual(
    ['forward', 'inputGradient', 'weightGradient'].flatMap((pass) => [
      `${pass} 2x128x3x2 128x3x2 k3s1p1`,
      `${pass} 2x64x5x3 128x3x2 k1s2p0`,
      `${pass} 2x64x5x3 128x3x2 k3s2p1`,
      `${pass} 2x64x5x3 64x5x3 k3s1p1`,
    ]),
  );
});

test('a choice is measured once for a device, and read from the store after', async () => {
  const store = new MemoryStore();
  const [entry] = casesOf();
  if (!entry) throw new Error('the stage has convolutions');
  const [key, { pass, shape, count }] = entry;
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
  const tuned = await tuneTiles(fixture.device, 'one', new Map([entry]), { store, now });
  expect(tuned(pass, shape, count)).toBe(1);
  expect(calls).toBe(8);
  expect([...store.items.values()]).toEqual(['1']);
  expect([...store.items.keys()][0]).toContain(`one:${key}`);

  const idle = { store, now: () => 0, budget: 0 };
  const again = await tuneTiles(fixture.device, 'one', new Map([entry]), idle);
  expect(again(pass, shape, count)).toBe(1);
  const other = await tuneTiles(fixture.device, 'another', new Map([entry]), idle);
  expect(other(pass, shape, count)).toBe(2);
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
