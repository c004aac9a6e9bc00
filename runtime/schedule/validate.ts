import { formatAction, type Action } from './action';
import { execute, resultsOf, type Blocked } from './execution';
import type { Schedule } from './schedule';

type ScheduleProblemCode =
  'wrong-stage' | 'wrong-micro-batch' | 'duplicate' | 'out-of-order' | 'missing' | 'deadlock';

/** One thing wrong with a schedule: at this place of this stage's list, or at its end. */
export interface ScheduleProblem {
  readonly code: ScheduleProblemCode;
  readonly stage: number;
  readonly index: number;
  readonly message: string;
}

/** A schedule that can't run to its end, or would sum the gradients in another order. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError';
  readonly problems: readonly ScheduleProblem[];

  constructor(schedule: Schedule, problems: readonly ScheduleProblem[]) {
    const messages = problems.map(({ message }) => message);
    super([...messages, drawGrid(schedule, problems)].join('\n'));
    this.problems = problems;
  }
}

/**
 * Proves that a schedule runs to its end: nothing missing, doubled or in the wrong list, each
 * stage's micro-batches ascending in each direction, and nothing that waits for ever.
 *
 * @returns the micro-batches that each stage holds at most (`StageSpec.maxInFlight`)
 * @throws ScheduleError with every problem and a drawing of the lists
 */
export function validateSchedule(schedule: Schedule, numMicroBatches: number): number[] {
  const problems = schedule.flatMap((actions, stage) =>
    listProblems(actions, stage, numMicroBatches),
  );
  const { blocked } = execute(schedule, { F: 1, B: 1, I: 1, W: 1 });
  for (const { stage, index } of blocked) {
    const message = explainDeadlock(schedule, blocked, stage);
    problems.push({ code: 'deadlock', stage, index, message });
  }
  if (problems.length > 0) throw new ScheduleError(schedule, problems);
  return schedule.map(maxInFlight);
}

/** Micro-batches whose activations a stage holds at most: from F to B, or to W. */
function maxInFlight(actions: readonly Action[]): number {
  let inFlight = 0;
  let most = 0;
  for (const { kind } of actions) {
    if (kind === 'F') most = Math.max(most, ++inFlight);
    else if (kind !== 'I') inFlight--;
  }
  return most;
}

/** A whole backward does both halves. */
const halves = { F: ['F'], B: ['I', 'W'], I: ['I'], W: ['W'] } as const;
const halfNames = { F: 'forwards', I: 'input gradients', W: 'weight gradients' };

function listProblems(
  actions: readonly Action[],
  stage: number,
  numMicroBatches: number,
): ScheduleProblem[] {
  const problems: ScheduleProblem[] = [];
  const done = new Map<string, Action>();
  const last: { F?: Action; I?: Action; W?: Action } = {};
  for (const [index, action] of actions.entries()) {
    const name = formatAction(action);
    const report = (code: ScheduleProblemCode, message: string): void => {
      problems.push({ code, stage, index, message: `stage ${stage}, step ${index}: ${message}` });
    };
    if (action.stage !== stage) {
      report('wrong-stage', `expected an action of stage ${stage}, got ${name}`);
      continue;
    }
    if (!(action.microBatch >= 0 && action.microBatch < numMicroBatches)) {
      report('wrong-micro-batch', `expected micro-batch 0 to ${numMicroBatches - 1}, got ${name}`);
      continue;
    }
    // At most one report an action, though both halves of a backward have the same fault.
    let fault: [ScheduleProblemCode, string] | undefined;
    for (const half of halves[action.kind]) {
      const earlier = done.get(half + String(action.microBatch));
      if (earlier) {
        fault ??= ['duplicate', `${name} repeats ${formatAction(earlier)}`];
        continue;
      }
      done.set(half + String(action.microBatch), action);
      const before = last[half];
      if (before && before.microBatch > action.microBatch) {
        const rule = `expected ${halfNames[half]} to ascend`;
        fault ??= ['out-of-order', `${name} comes after ${formatAction(before)}, ${rule}`];
      }
      last[half] = action;
    }
    if (fault) report(...fault);
  }
  for (let microBatch = 0; microBatch < numMicroBatches; microBatch++) {
    const missing = (['F', 'I', 'W'] as const).filter(
      (half) => !done.has(half + String(microBatch)),
    );
    const wholeBackward = missing.includes('I') && missing.includes('W');
    for (const half of missing) {
      if (half === 'W' && wholeBackward) continue;
      const kind = half === 'I' && wholeBackward ? 'B' : half;
      const message = `stage ${stage}: ${formatAction({ stage, kind, microBatch })} is missing`;
      problems.push({ code: 'missing', stage, index: actions.length, message });
    }
  }
  return problems;
}

/** Follows what the stage waits for from list to list, to what never runs or round a circle. */
function explainDeadlock(schedule: Schedule, blocked: readonly Blocked[], stage: number): string {
  const chain: string[] = [];
  const seen = new Set<number>();
  let current = blocked.find((candidate) => candidate.stage === stage);
  while (current && !seen.has(current.stage)) {
    seen.add(current.stage);
    const { action, needs } = current;
    if (chain.length === 0) chain.push(`stage ${stage} waits at ${formatAction(action)}`);
    const provider = findProvider(schedule, needs);
    if (!provider) {
      chain.push(`needs ${formatAction(needs)}`, 'never runs');
      break;
    }
    chain.push(`needs ${formatAction(provider.action)}`);
    const head = blocked.find((candidate) => candidate.stage === provider.stage);
    if (head && head.index !== provider.index)
      chain.push(`comes after ${formatAction(head.action)}`);
    current = head;
    if (current && seen.has(current.stage)) chain.push('waits in turn: a circle');
  }
  return chain.join(', which ');
}

function findProvider(
  schedule: Schedule,
  needs: Action,
): { stage: number; index: number; action: Action } | undefined {
  const wanted = formatAction(needs);
  for (const [stage, actions] of schedule.entries()) {
    for (const [index, action] of actions.entries()) {
      if (resultsOf(action).some((result) => formatAction(result) === wanted)) {
        return { stage, index, action };
      }
    }
  }
  return undefined;
}

/** The lists side by side, one row a step, down to the last problem; `>1B0<` marks a problem. */
function drawGrid(schedule: Schedule, problems: readonly ScheduleProblem[]): string {
  const numRows = Math.max(...problems.map(({ index }) => index)) + 1;
  const header = ['step', ...schedule.map((_, stage) => `stage ${stage}`)];
  const rows = Array.from({ length: numRows }, (_, index) => [
    String(index),
    ...schedule.map((actions, stage) => {
      const action = actions[index];
      const text = action ? formatAction(action) : index === actions.length ? 'end' : '';
      const isProblem = problems.some((at) => at.stage === stage && at.index === index);
      return isProblem ? `>${text}<` : ` ${text} `;
    }),
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
