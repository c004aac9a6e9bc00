import { expect, test } from 'vitest';
import { buildSchedule } from './schedule';
import { drawTimeline } from './timeline';
import { validateSchedule } from './validate';

test('3 stages, 4 micro-batches: as drawn', () => {
  expect(drawTimeline(buildSchedule('hybrid', 3, 4))).toBe(
    [
      'stage 0  F0 F1 F2 F3 .. .. .. B0 B0 .. B1 B1 .. B2 B2 .. B3 B3',
      'stage 1  .. F0 F1 F2 F3 B0 B0 .. B1 B1 .. B2 B2 .. B3 B3',
      'stage 2  .. .. F0 B0 B0 F1 B1 B1 F2 B2 B2 F3 B3 B3',
    ].join('\n'),
  );
});

test("the paper's two stages", () => {
  expect(drawTimeline(buildSchedule('hybrid', 2, 3))).toBe(
    ['stage 0  F0 F1 F2 .. B0 B0 .. B1 B1 .. B2 B2', 'stage 1  .. F0 B0 B0 F1 B1 B1 F2 B2 B2'].join(
      '\n',
    ),
  );
});

test('one stage runs each micro-batch forward and backward', () => {
  expect(drawTimeline(buildSchedule('hybrid', 1, 2))).toBe('stage 0  F0 B0 B0 F1 B1 B1');
});

test('the last stage holds one micro-batch, the others all', () => {
  expect(validateSchedule(buildSchedule('hybrid', 5, 16), 16)).toEqual([16, 16, 16, 16, 1]);
});
