import { formatAction, type Action, type ActionKind } from './action';
import type { Schedule } from './schedule';

/** Time that each kind of action takes, in any unit. */
export type Durations = Readonly<Record<ActionKind, number>>;

/** An action that never runs, and the first result that it waits for in vain. */
export interface Blocked {
  /** The stage whose list it stands in, and its place there. */
  readonly stage: number;
  readonly index: number;
  readonly action: Action;
  readonly needs: Action;
}

export interface Execution {
  /** When each action starts, as the lists of the schedule; short where a stage is blocked. */
  readonly starts: readonly (readonly number[])[];
  /** The next action of each stage that can't go on; empty when the schedule runs to its end. */
  readonly blocked: readonly Blocked[];
}

/**
 * Runs a schedule: every stage does its list in order, each action as soon as the stage is free
 * and its inputs are there. Transfers take no time.
 */
export function execute(schedule: Schedule, durations: Durations): Execution {
  const ends = new Map<string, number>();
  const starts: number[][] = schedule.map(() => []);
  const free = schedule.map(() => 0);

  let progress = true;
  while (progress) {
    progress = false;
    for (const [stage, actions] of schedule.entries()) {
      const started = starts[stage] ?? [];
      for (const action of actions.slice(started.length)) {
        const inputs = needsOf(action, schedule.length).map((need) => ends.get(formatAction(need)));
        if (inputs.includes(undefined)) break;
        const start = Math.max(free[stage] ?? 0, ...inputs.map((end) => end ?? 0));
        const end = start + durations[action.kind];
        for (const result of resultsOf(action)) ends.set(formatAction(result), end);
        started.push(start);
        free[stage] = end;
        progress = true;
      }
    }
  }

  const blocked = schedule.flatMap((actions, stage): Blocked[] => {
    const index = starts[stage]?.length ?? 0;
    const action = actions[index];
    const needs =
      action && needsOf(action, schedule.length).find((need) => !ends.has(formatAction(need)));
    return needs ? [{ stage, index, action, needs }] : [];
  });
  return { starts, blocked };
}

/** What an action waits for; a `B` among them may be an `I` as well. */
function needsOf({ stage, kind, microBatch }: Action, numStages: number): Action[] {
  switch (kind) {
    case 'F':
      return stage === 0 ? [] : [{ stage: stage - 1, kind: 'F', microBatch }];
    case 'B':
    case 'I': {
      const forward: Action = { stage, kind: 'F', microBatch };
      const gradient: Action = { stage: stage + 1, kind: 'B', microBatch };
      return stage >= numStages - 1 ? [forward] : [forward, gradient];
    }
    case 'W':
      return [{ stage, kind: 'I', microBatch }];
  }
}

/** What others may wait for once the action has run. */
export function resultsOf(action: Action): Action[] {
  return action.kind === 'I' ? [action, { ...action, kind: 'B' }] : [action];
}
