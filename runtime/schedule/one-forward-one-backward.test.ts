import { expect, test } from 'vitest';
import { buildSchedule } from './schedule';
import { drawTimeline } from './timeline';
import { validateSchedule } from './validate';

test('3 stages, 4 micro-batches: as drawn', () => {
  expect(drawTimeline(buildSchedule('1f1b', 3, 4))).toBe(
    [
      'stage 0  F0 F1 F2 .. .. .. .. B0 B0 F3 B1 B1 .. B2 B2 .. B3 B3',
      'stage 1  .. F0 F1 .. .. B0 B0 F2 B1 B1 F3 B2 B2 .. B3 B3',
      'stage 2  .. .. F0 B0 B0 F1 B1 B1 F2 B2 B2 F3 B3 B3',
    ].join('\n'),
  );
});

test('fewer micro-batches than stages', () => {
  expect(drawTimeline(buildSchedule('1f1b', 4, 2))).toBe(
    [
      'stage 0  F0 F1 .. .. .. .. .. .. .. .. B0 B0 .. B1 B1',
      'stage 1  .. F0 F1 .. .. .. .. .. B0 B0 .. B1 B1',
      'stage 2  .. .. F0 F1 .. .. B0 B0 .. B1 B1',
      'stage 3  .. .. .. F0 B0 B0 F1 B1 B1',
    ].join('\n'),
  );
});

test('one stage runs each micro-batch forward and backward', () => {
  expect(drawTimeline(buildSchedule('1f1b', 1, 2))).toBe('stage 0  F0 B0 B0 F1 B1 B1');
});

test('one micro-batch passes through all stages and back', () => {
  expect(drawTimeline(buildSchedule('1f1b', 2, 1))).toBe(
    ['stage 0  F0 .. .. .. B0 B0', 'stage 1  .. F0 B0 B0'].join('\n'),
  );
});

test('a stage holds no more micro-batches than there are stages from it on', () => {
  expect(validateSchedule(buildSchedule('1f1b', 5, 16), 16)).toEqual([5, 4, 3, 2, 1]);
  expect(validateSchedule(buildSchedule('1f1b', 5, 3), 3)).toEqual([3, 3, 3, 2, 1]);
});
