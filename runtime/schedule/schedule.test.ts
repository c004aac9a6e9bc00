import { describe, expect, test } from 'vitest';
import { formatAction } from './action';
import { buildSchedule, scheduleNames } from './schedule';
import { validateSchedule } from './validate';

const sizes = Array.from({ length: 8 }, (_, index) => index + 1).flatMap((numStages) =>
  Array.from({ length: 32 }, (_, index) => ({ numStages, numMicroBatches: index + 1 })),
);

describe.each(scheduleNames)('%s', (name) => {
  test('runs for 1 to 8 stages and 1 to 32 micro-batches, within its bound of memory', () => {
    for (const { numStages, numMicroBatches } of sizes) {
      const schedule = buildSchedule(name, numStages, numMicroBatches);
      const bounds = {
        gpipe: () => numMicroBatches,
        hybrid: (stage: number) => (stage === numStages - 1 ? 1 : numMicroBatches),
        '1f1b': (stage: number) => Math.min(numStages - stage, numMicroBatches),
      };
      expect(validateSchedule(schedule, numMicroBatches)).toEqual(
        schedule.map((_, stage) => bounds[name](stage)),
      );
    }
  });

  test('each direction of each stage ascends, so that sums are the same in every schedule', () => {
    const ascending = Array.from({ length: 16 }, (_, microBatch) => microBatch);
    for (const actions of buildSchedule(name, 5, 16)) {
      for (const direction of ['F', 'B']) {
        const microBatches = actions
          .filter(({ kind }) => kind === direction)
          .map(({ microBatch }) => microBatch);
        expect(microBatches).toEqual(ascending);
      }
    }
  });
});

test('the lists of two stages, as they are sent', () => {
  const lists = (name: (typeof scheduleNames)[number]): string[] =>
    buildSchedule(name, 2, 3).map((actions) => actions.map(formatAction).join(' '));
  expect(lists('gpipe')).toEqual(['0F0 0F1 0F2 0B0 0B1 0B2', '1F0 1F1 1F2 1B0 1B1 1B2']);
  expect(lists('hybrid')).toEqual(['0F0 0F1 0F2 0B0 0B1 0B2', '1F0 1B0 1F1 1B1 1F2 1B2']);
  expect(lists('1f1b')).toEqual(['0F0 0F1 0B0 0F2 0B1 0B2', '1F0 1B0 1F1 1B1 1F2 1B2']);
});

test.each([
  [0, 4, 'schedule gpipe: expected numStages to be 1 or more, got 0'],
  [2, 0, 'schedule gpipe: expected numMicroBatches to be 1 or more, got 0'],
  [2, 1.5, 'schedule gpipe: expected numMicroBatches to be 1 or more, got 1.5'],
])('%d stages and %d micro-batches are refused', (numStages, numMicroBatches, message) => {
  expect(() => buildSchedule('gpipe', numStages, numMicroBatches)).toThrow(message);
});
