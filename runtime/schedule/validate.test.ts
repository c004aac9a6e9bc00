import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatAction, parseAction, type Action } from './action';
import { buildSchedule, scheduleNames, type Schedule } from './schedule';
import { ScheduleError, validateSchedule } from './validate';

function parse(...lists: string[]): Schedule {
  return lists.map((list) => list.split(' ').map(parseAction));
}

function errorOf(schedule: Schedule, numMicroBatches: number): ScheduleError {
  try {
    validateSchedule(schedule, numMicroBatches);
  } catch (error) {
    if (error instanceof ScheduleError) return error;
    throw error;
  }
  throw new Error('the schedule is valid');
}

test('a missing action, and all that waits for it', () => {
  const error = errorOf(parse('0F0 0F1 0B0 0B1', '1F0 1F1 1B0 1B1', '2F0 2F1 2B1'), 2);
  expect(error.message).toBe(
    [
      'stage 2: 2B0 is missing',
      'stage 0 waits at 0B0, which needs 1B0, which needs 2B0, which never runs',
      'stage 1 waits at 1B0, which needs 2B0, which never runs',
      'step  stage 0  stage 1  stage 2',
      '0      0F0      1F0      2F0',
      '1      0F1      1F1      2F1',
      '2     >0B0<    >1B0<     2B1',
      '3      0B1      1B1     >end<',
    ].join('\n'),
  );
  expect(error.problems.map(({ code, stage, index }) => [code, stage, index])).toEqual([
    ['missing', 2, 3],
    ['deadlock', 0, 2],
    ['deadlock', 1, 2],
  ]);
});

test('two stages that wait for each other', () => {
  expect(errorOf(parse('0F0 0B0 0F1 0B1', '1F0 1F1 1B0 1B1'), 2).message).toBe(
    [
      'stage 0 waits at 0B0, which needs 1B0, which comes after 1F1, which needs 0F1, ' +
        'which comes after 0B0, which waits in turn: a circle',
      'stage 1 waits at 1F1, which needs 0F1, which comes after 0B0, which needs 1B0, ' +
        'which comes after 1F1, which waits in turn: a circle',
      'step  stage 0  stage 1',
      '0      0F0      1F0',
      '1     >0B0<    >1F1<',
    ].join('\n'),
  );
});

test('a stage that waits for itself', () => {
  expect(errorOf(parse('0B0 0F0'), 1).message).toBe(
    [
      'stage 0 waits at 0B0, which needs 0F0, which comes after 0B0, which waits in turn: a circle',
      'step  stage 0',
      '0     >0B0<',
    ].join('\n'),
  );
});

test.each([
  ['duplicate', '0F0 0F0 0B0', 'stage 0, step 1: 0F0 repeats 0F0'],
  ['duplicate', '0F0 0B0 0W0', 'stage 0, step 2: 0W0 repeats 0B0'],
  ['duplicate', '0F0 0I0 0W0 0I0', 'stage 0, step 3: 0I0 repeats 0I0'],
  ['wrong-stage', '0F0 1B0', 'stage 0, step 1: expected an action of stage 0, got 1B0'],
  ['wrong-micro-batch', '0F0 0B0 0F1', 'stage 0, step 2: expected micro-batch 0 to 0, got 0F1'],
  ['missing', '0B0', 'stage 0: 0F0 is missing'],
  ['missing', '0F0 0I0', 'stage 0: 0W0 is missing'],
  ['missing', '0F0 0W0', 'stage 0: 0I0 is missing'],
  ['deadlock', '0F0 0W0 0I0', 'stage 0 waits at 0W0, which needs 0I0, which comes after 0W0'],
])('%s: %s', (code, list, message) => {
  const { problems, message: whole } = errorOf(parse(list), 1);
  expect(problems.map((problem) => problem.code)).toContain(code);
  expect(whole).toContain(message);
});

test.each([
  ['0F1 0F0 0B0 0B1', 'stage 0, step 1: 0F0 comes after 0F1, expected forwards to ascend'],
  ['0F0 0F1 0B1 0B0', 'stage 0, step 3: 0B0 comes after 0B1, expected input gradients to ascend'],
  [
    '0F0 0F1 0I0 0I1 0W1 0W0',
    'stage 0, step 5: 0W0 comes after 0W1, expected weight gradients to ascend',
  ],
  [
    '0F0 0F1 0I0 0B1 0W0',
    'stage 0, step 4: 0W0 comes after 0B1, expected weight gradients to ascend',
  ],
])('%s runs, but sums in another order', (list, message) => {
  const { problems } = errorOf(parse(list), 2);
  expect(problems).toMatchObject([{ code: 'out-of-order', message }]);
});

test('a backward in two halves keeps the activations until the second', () => {
  const schedule = parse('0F0 0F1 0F2 0I0 0I1 0W0 0I2 0W1 0W2', '1F0 1I0 1F1 1I1 1W0 1W1 1F2 1B2');
  expect(validateSchedule(schedule, 3)).toEqual([3, 2]);
});

test('an empty list lacks everything', () => {
  expect(errorOf([[], parse('1F0 1B0')[0] ?? []], 1).message).toBe(
    [
      'stage 0: 0F0 is missing',
      'stage 0: 0B0 is missing',
      'stage 1 waits at 1F0, which needs 0F0, which never runs',
      'step  stage 0  stage 1',
      '0     >end<    >1F0<',
    ].join('\n'),
  );
});

/** Whether some order of all actions respects the lists and the data: a graph without a circle. */
function hasOrder(schedule: Schedule): boolean {
  const last = schedule.length - 1;
  const behind = new Map<string, string[]>();
  const need = (action: string, ...needed: string[]): void => {
    behind.set(action, [...(behind.get(action) ?? []), ...needed]);
  };
  for (const actions of schedule) {
    actions.forEach((action, index) => {
      const { stage, kind, microBatch } = action;
      const before = actions[index - 1];
      need(formatAction(action), ...(before ? [formatAction(before)] : []));
      if (kind === 'F' && stage > 0) need(formatAction(action), `${stage - 1}F${microBatch}`);
      if (kind === 'B') need(formatAction(action), `${stage}F${microBatch}`);
      if (kind === 'B' && stage < last) need(formatAction(action), `${stage + 1}B${microBatch}`);
    });
  }
  const state = new Map<string, 'open' | 'done'>();
  const visit = (action: string): boolean => {
    if (state.has(action)) return state.get(action) === 'done';
    state.set(action, 'open');
    const ok = (behind.get(action) ?? []).every(visit);
    state.set(action, 'done');
    return ok;
  };
  return [...behind.keys()].every(visit);
}

const schedules = fc
  .record({
    name: fc.constantFrom(...scheduleNames),
    numStages: fc.integer({ min: 1, max: 5 }),
    numMicroBatches: fc.integer({ min: 1, max: 6 }),
  })
  .map(({ name, numStages, numMicroBatches }) => ({
    schedule: buildSchedule(name, numStages, numMicroBatches),
    numMicroBatches,
  }));

/** A place in one of the lists, from two fractions. */
function place(schedule: Schedule, [a, b]: readonly [number, number]): [number, number, Action[]] {
  const stage = Math.floor(a * schedule.length);
  const actions = [...(schedule[stage] ?? [])];
  return [stage, Math.floor(b * actions.length), actions];
}

const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const places = fc.tuple(fraction, fraction);

test('a dropped or doubled action is always caught', () => {
  fc.assert(
    fc.property(schedules, places, fc.boolean(), ({ schedule, numMicroBatches }, at, drop) => {
      const [stage, index, actions] = place(schedule, at);
      const copies = actions.slice(index, index + (drop ? 0 : 1));
      const { problems } = errorOf(
        schedule.with(stage, actions.toSpliced(index, 1, ...copies, ...copies)),
        numMicroBatches,
      );
      expect(problems).toContainEqual(
        expect.objectContaining({ code: drop ? 'missing' : 'duplicate', stage }),
      );
    }),
  );
});

test('swapped actions are refused, or truly run in the right order of sums', () => {
  const seen = { refused: 0, runs: 0 };
  fc.assert(
    fc.property(schedules, places, fraction, ({ schedule, numMicroBatches }, at, other) => {
      const [stage, index, actions] = place(schedule, at);
      const second = Math.floor(other * actions.length);
      const [a, b] = [actions[index], actions[second]];
      if (!a || !b) return;
      const swapped = schedule.with(stage, actions.with(index, b).with(second, a));
      const ascends = swapped.every((list) =>
        ['F', 'B'].every((direction) =>
          list
            .filter(({ kind }) => kind === direction)
            .every(({ microBatch }, rank) => microBatch === rank),
        ),
      );
      let accepted = true;
      try {
        validateSchedule(swapped, numMicroBatches);
      } catch {
        accepted = false;
      }
      expect(accepted).toBe(ascends && hasOrder(swapped));
      seen[accepted ? 'runs' : 'refused']++;
    }),
    { numRuns: 500 },
  );
  // Both must have been tried, or the property says nothing.
  expect(seen.refused).toBeGreaterThan(50);
  expect(seen.runs).toBeGreaterThan(20);
});
