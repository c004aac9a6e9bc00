import type { FailureReason } from '../../runtime/worker/status';

/*
 * What becomes of the page between its first tap and its end, as a state machine: events in,
 * the next state and orders out. It knows no browser; page.ts carries the orders out.
 *
 *   ready -> starting -> connecting -> joined
 *               ^            ^  |         |
 *               |            |  v         v   the link is lost
 *           rebuilding      pausing <-----+   -> given-up, after the last try
 *               ^---- the graphics processor is lost
 *
 * From everywhere a failure that trying again can't heal, a run that is over, another tab that
 * works instead, and the person's stop lead to `ended`; from there, and from `given-up`, a tap
 * starts anew.
 *
 * A hidden or locked page is suspended by iOS, and its socket may die with no `close`: while it is
 * hidden nothing is tried, and whatever brings it back is reason to doubt the link.
 */
export type Phase =
  'ready' | 'starting' | 'connecting' | 'joined' | 'pausing' | 'rebuilding' | 'given-up' | 'ended';

export interface Life {
  readonly phase: Phase;
  readonly isHidden: boolean;
  /** Whether a connection has ever been open: the host's address is right. */
  readonly hasJoined: boolean;
  /** Tries in a row that reached no host. */
  readonly failedTries: number;
  /** Engines in a row that were lost before they had finished a step. */
  readonly lostEngines: number;
}

export type LifeEvent =
  /** `start`: the person taps Start or Try again, or no tap is needed. */
  | { readonly type: 'start' | 'stop' }
  /** Another tab of this browser began to work. */
  | { readonly type: 'taken-over' }
  | { readonly type: 'engine-ready' | 'joined' | 'stepped' | 'run-over' }
  | { readonly type: 'link-lost'; readonly detail: string }
  /** Another engine may do. */
  | { readonly type: 'engine-lost'; readonly reason: FailureReason; readonly detail: string }
  /** Another would not. */
  | { readonly type: 'failed'; readonly reason: FailureReason; readonly detail: string }
  /** `returned`: the page is in sight again, out of the cache, or has another network. */
  | { readonly type: 'hidden' | 'returned' }
  /** The time of the last order to wait is over. */
  | { readonly type: 'waited' };

export type Order =
  | { readonly do: 'start-engine' | 'end-engine' | 'say-goodbye' }
  | { readonly do: 'connect' | 'check-link' }
  /** Takes the place of a wait that is under way; 0 ends it. */
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'keep-screen-on' | 'let-screen-go' }
  | {
      readonly do: 'show';
      readonly state: 'starting' | 'connecting' | 'stopped' | 'elsewhere' | 'given-up';
    }
  | { readonly do: 'show-failure'; readonly reason: FailureReason; readonly detail: string };

/** Between two tries the wait doubles from the first of these to the second. */
const firstWaitMs = 500;
const longestWaitMs = 15_000;
/** With the waits and the time that each try may take, a quarter of an hour or more. */
export const maxFailedTries = 64;
/** A graphics processor that is lost again and again is not lost by accident. */
export const maxLostEngines = 3;

/** The wait after so many failures in a row: 0.5, 1, 2, 4, 8, 15, 15, … s. */
export function waitAfter(failures: number): number {
  return Math.min(longestWaitMs, firstWaitMs * 2 ** (failures - 1));
}

export const newLife: Life = {
  phase: 'ready',
  isHidden: false,
  hasJoined: false,
  failedTries: 0,
  lostEngines: 0,
};

export interface Transition {
  readonly life: Life;
  readonly orders: readonly Order[];
}

/** The next state, and what is to be done on the way there. Events out of place change nothing. */
export function live(life: Life, event: LifeEvent): Transition {
  if (life.phase === 'ended' && event.type !== 'start') return stay(life);
  switch (event.type) {
    case 'start':
      return ['ready', 'given-up', 'ended'].includes(life.phase) ? start(life) : stay(life);
    case 'engine-ready':
      return life.phase === 'starting'
        ? to(life, 'connecting', { do: 'show', state: 'connecting' }, { do: 'connect' })
        : stay(life);
    case 'joined':
      return life.phase === 'connecting'
        ? to({ ...life, hasJoined: true, failedTries: 0 }, 'joined')
        : stay(life);
    case 'stepped':
      return stay({ ...life, lostEngines: 0 });
    case 'link-lost':
      return life.phase === 'connecting' || life.phase === 'joined'
        ? linkLost(life, event.detail)
        : stay(life);
    case 'engine-lost':
      return engineLost(life, event.reason, event.detail);
    case 'hidden': {
      const waits = life.phase === 'pausing' || life.phase === 'rebuilding';
      return stay({ ...life, isHidden: true }, ...(waits ? [noWait] : []));
    }
    case 'returned':
      return returned({ ...life, isHidden: false });
    case 'waited':
      return life.isHidden ? stay(life) : tryAgain(life);
    case 'failed':
      // Where one was lost, the next may take a moment to be there.
      if (event.reason === 'no-adapter' && life.lostEngines > 0) {
        return engineLost(life, 'device-lost', event.detail);
      }
      return end(
        life,
        { do: 'end-engine' },
        { do: 'show-failure', reason: event.reason, detail: event.detail },
      );
    case 'run-over':
      return end(life, { do: 'end-engine' });
    case 'stop':
    case 'taken-over':
      return end(
        life,
        { do: 'say-goodbye' },
        { do: 'end-engine' },
        { do: 'show', state: event.type === 'stop' ? 'stopped' : 'elsewhere' },
      );
  }
}

const noWait: Order = { do: 'wait', ms: 0 };

function stay(life: Life, ...orders: Order[]): Transition {
  return { life, orders };
}

function to(life: Life, phase: Phase, ...orders: Order[]): Transition {
  return { life: { ...life, phase }, orders };
}

function start(life: Life): Transition {
  return to(
    { ...life, failedTries: 0, lostEngines: 0 },
    'starting',
    { do: 'show', state: 'starting' },
    { do: 'keep-screen-on' },
    { do: 'start-engine' },
  );
}

function linkLost(life: Life, detail: string): Transition {
  const failedTries = life.failedTries + 1;
  if (failedTries > maxFailedTries) {
    return to(
      { ...life, failedTries },
      'given-up',
      { do: 'end-engine' },
      { do: 'let-screen-go' },
      { do: 'show', state: 'given-up' },
    );
  }
  const reason = life.hasJoined ? 'host-gone' : 'host-unreachable';
  return to(
    { ...life, failedTries },
    'pausing',
    { do: 'show-failure', reason, detail },
    ...waitUnlessHidden(life, failedTries),
  );
}

function engineLost(life: Life, reason: FailureReason, detail: string): Transition {
  if (['ready', 'rebuilding', 'given-up'].includes(life.phase)) return stay(life);
  const lostEngines = life.lostEngines + 1;
  if (lostEngines > maxLostEngines) {
    return end(life, { do: 'end-engine' }, { do: 'show-failure', reason, detail });
  }
  return to(
    { ...life, lostEngines },
    'rebuilding',
    { do: 'end-engine' },
    { do: 'show', state: 'starting' },
    ...waitUnlessHidden(life, lostEngines),
  );
}

function waitUnlessHidden({ isHidden }: Life, failures: number): Order[] {
  return isHidden ? [] : [{ do: 'wait', ms: waitAfter(failures) }];
}

function returned(life: Life): Transition {
  if (life.phase === 'joined') return stay(life, { do: 'check-link' });
  // The failures were the other network's, or those of a page in the pocket.
  const fresh = { ...life, failedTries: 0 };
  if (life.phase === 'given-up') return start(fresh);
  const { life: next, orders } = tryAgain(fresh);
  return next === fresh ? stay(fresh) : { life: next, orders: [noWait, ...orders] };
}

function tryAgain(life: Life): Transition {
  if (life.phase === 'pausing') return to(life, 'connecting', { do: 'connect' });
  if (life.phase === 'rebuilding') return to(life, 'starting', { do: 'start-engine' });
  return stay(life);
}

function end(life: Life, ...orders: Order[]): Transition {
  return to(life, 'ended', noWait, { do: 'let-screen-go' }, ...orders);
}
