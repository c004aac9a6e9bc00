import { expect, test } from 'vitest';
import { missedTargets, type Measured } from './targets';

/** All at their bounds. */
const met: Measured = {
  training: { ms: 1000, torchDefaultMs: 1000, torchChannelsLastMs: 900 },
  inference: { ms: 1000, torchDefaultMs: 1200, torchChannelsLastMs: 1000 },
  fallback: { ms: 1000, torchDefaultMs: 600, torchChannelsLastMs: 500 },
  rssMb: { ours: 1000, torch: 1000 },
  cutSteps: [0.2, 1, 0.1],
};

test('figures at their bounds meet them', () => {
  expect(missedTargets(met)).toEqual([]);
});

test.each<[string, Partial<Measured>]>([
  [
    'training beside the default format: expected at least 1x, got 0.990x',
    { training: { ...met.training, torchDefaultMs: 990 } },
  ],
  [
    'training beside channels_last: expected at least 0.9x, got 0.890x',
    { training: { ...met.training, torchChannelsLastMs: 890 } },
  ],
  [
    'inference beside the default format: expected at least 1.2x, got 1.190x',
    { inference: { ...met.inference, torchDefaultMs: 1190 } },
  ],
  [
    'standard operators: expected at least 0.6x, got 0.590x',
    { fallback: { ...met.fallback, torchDefaultMs: 590 } },
  ],
  [
    'peak memory beside the default format: expected at most 1, got 1.010',
    { rssMb: { ours: 1010, torch: 1000 } },
  ],
  ['moving the cut, in steps: expected at most 1, got 1.010', { cutSteps: [0.2, 1.01] }],
  ['moving the cut, in steps: expected at most 1, got NaN', { cutSteps: [NaN] }],
])('%s', (line, change) => {
  expect(missedTargets({ ...met, ...change })).toEqual([line]);
});
