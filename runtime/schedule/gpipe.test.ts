import { expect, test } from 'vitest';
import { buildSchedule } from './schedule';
import { drawTimeline } from './timeline';
import { validateSchedule } from './validate';

test('3 stages, 4 micro-batches: as drawn', () => {
  expect(drawTimeline(buildSchedule('gpipe', 3, 4))).toBe(
    [
      'stage 0  F0 F1 F2 F3 .. .. .. .. .. .. B0 B0 B1 B1 B2 B2 B3 B3',
      'stage 1  .. F0 F1 F2 F3 .. .. .. B0 B0 B1 B1 B2 B2 B3 B3',
      'stage 2  .. .. F0 F1 F2 F3 B0 B0 B1 B1 B2 B2 B3 B3',
    ].join('\n'),
  );
});

test('fewer micro-batches than stages', () => {
  expect(drawTimeline(buildSchedule('gpipe', 3, 2))).toBe(
    [
      'stage 0  F0 F1 .. .. .. .. .. .. B0 B0 B1 B1',
      'stage 1  .. F0 F1 .. .. .. B0 B0 B1 B1',
      'stage 2  .. .. F0 F1 B0 B0 B1 B1',
    ].join('\n'),
  );
});

test('one stage, one micro-batch', () => {
  expect(drawTimeline(buildSchedule('gpipe', 1, 1))).toBe('stage 0  F0 B0 B0');
});

test('every stage holds all micro-batches', () => {
  expect(validateSchedule(buildSchedule('gpipe', 5, 16), 16)).toEqual([16, 16, 16, 16, 16]);
});
