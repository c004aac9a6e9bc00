import { execute } from './execution';
import type { Schedule } from './schedule';

/** Equal stages, a backward twice a forward's work, its halves one forward each. */
const durations = { F: 1, B: 2, I: 1, W: 1 };

/**
 * Draws when each stage does what, one row a stage and one column a forward's time:
 *
 *     stage 0  F0 F1 .. .. B0 B0
 */
export function drawTimeline(schedule: Schedule): string {
  const { starts } = execute(schedule, durations);
  const cells = schedule.map((actions, stage) => {
    const row: string[] = [];
    for (const [index, start] of (starts[stage] ?? []).entries()) {
      const action = actions[index];
      if (!action) continue;
      const cell = `${action.kind}${action.microBatch}`;
      while (row.length < start) row.push('..');
      for (let unit = 0; unit < durations[action.kind]; unit++) row.push(cell);
    }
    return row;
  });
  const width = Math.max(2, ...cells.flat().map((cell) => cell.length));
  return cells
    .map((row, stage) =>
      [`stage ${stage} `, ...row.map((cell) => cell.padEnd(width))].join(' ').trimEnd(),
    )
    .join('\n');
}
