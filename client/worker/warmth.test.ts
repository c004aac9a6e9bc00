import { expect, test } from 'vitest';
import { describeWarmth } from './warmth';

test.each([
  [undefined, '–', 'known after some steps'],
  [-0.2, 'Steady', 'as fast as at the start'],
  [0.029, 'Steady', 'as fast as at the start'],
  [0.03, 'Warm', '3% slower than at the start'],
  [0.09, 'Warm', '9% slower than at the start'],
  [0.249, 'Warm', '25% slower than at the start'],
  [0.25, 'Hot', '25% slower than at the start'],
  [1.5, 'Hot', '150% slower than at the start'],
])('%d: %s, %s', (slowdown, value, note) => {
  expect(describeWarmth(slowdown)).toEqual({ value, note });
});
