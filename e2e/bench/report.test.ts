import { expect, test } from 'vitest';
import { fmaShareOf, ratiosOf, type Measurement } from './report';
import { geometricMean, medianMs } from '../../runtime/bench/timing';

const measurement: Measurement = {
  name: 'layer1: 3x3, 64 to 64',
  layer: 'layer1',
  kernel: 3,
  direction: 'forward',
  count: 1,
  operations: 2e6,
  bytes: 1,
  ms: { tandem: 1, tfjs: 4 },
  peakGigaflops: 8,
};

test('ratios are geometric means over all of the network’s convolutions', () => {
  const measurements = [
    { ...measurement, count: 3 },
    { ...measurement, ms: { tandem: 2, tfjs: 128 } },
    // Left out by the peer, so not in its mean.
    { ...measurement, ms: { tandem: 1 } },
  ];
  const ratios = ratiosOf('tfjs', measurements, ['forward', 'inputGradient'], () => 'none');
  // (4 * 4 * 4 * 64) ** (1 / 4)
  expect(ratios).toEqual({ forward: 8, inputGradient: { reason: 'none' } });
});

test('a layer’s share of the peak is all of its operations over all of its time', () => {
  const measurements = [
    // 6 million operations in 3 ms, where the peak makes 24.
    { ...measurement, count: 3 },
    // 2 in 1 ms, where the peak made 16: the device was faster then.
    { ...measurement, direction: 'weightGradient' as const, peakGigaflops: 16 },
    { ...measurement, kernel: 1, ms: { tandem: 100 } },
  ];
  expect(fmaShareOf(measurements)).toEqual({ layer1: 0.2 });
});

test('geometric mean', () => {
  const values = [1, 10, 100].map((value) => ({ value, weight: 1 }));
  expect(geometricMean(values)).toBeCloseTo(10, 12);
});

test('all are run in turns, each turn begun by another', async () => {
  const order: string[] = [];
  const logged = (name: string) => async () => {
    order.push(name);
    // Longer than the shortest sample, so that one run is one sample.
    await new Promise((resolve) => setTimeout(resolve, 45));
  };
  const [a = 0, b = 0] = await medianMs([logged('a'), logged('b')], 2);
  expect(order.join(' ')).toBe('a b b a');
  expect(Math.min(a, b)).toBeGreaterThan(40);
});
