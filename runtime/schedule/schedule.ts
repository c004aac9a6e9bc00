import type { Action } from './action';
import { gpipe } from './gpipe';
import { hybrid } from './hybrid';
import { oneForwardOneBackward } from './one-forward-one-backward';

/** The names that the command line and the plan use. */
export const scheduleNames = ['gpipe', 'hybrid', '1f1b'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

/** One ordered list of actions a stage, first stage first. */
export type Schedule = readonly (readonly Action[])[];

const generators = { gpipe, hybrid, '1f1b': oneForwardOneBackward };

/**
 * What each stage does in one step, in order. In every schedule micro-batches ascend in each
 * direction, so that gradients are summed in one order and the results are bitwise the same.
 * Throws RangeError unless both counts are whole and at least 1.
 */
export function buildSchedule(
  name: ScheduleName,
  numStages: number,
  numMicroBatches: number,
): Schedule {
  for (const [what, count] of Object.entries({ numStages, numMicroBatches })) {
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(`schedule ${name}: expected ${what} to be 1 or more, got ${count}`);
    }
  }
  const generator = generators[name];
  return Array.from({ length: numStages }, (_, stage) => [
    ...generator(stage, numStages, numMicroBatches),
  ]);
}
