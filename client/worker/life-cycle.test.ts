import { expect, test } from 'vitest';
import {
  live,
  maxFailedTries,
  maxLostEngines,
  newLife,
  waitAfter,
  type Life,
  type LifeEvent,
  type Order,
} from './life-cycle';

/* What the page does, told as it happens to a phone: events, and the orders that they lead to. */

type Short = LifeEvent['type'] | LifeEvent;

const engineLost = { type: 'engine-lost', reason: 'device-lost', detail: 'gone' } as const;
const linkLost = { type: 'link-lost', detail: 'silent' } as const;

/** Runs the events one after another; the last one's orders, in short, and the life after it. */
function after(life: Life, ...events: Short[]): { life: Life; orders: string[] } {
  let orders: readonly Order[] = [];
  for (const event of events) {
    ({ life, orders } = live(life, typeof event === 'string' ? plain(event) : event));
  }
  return { life, orders: orders.map(inShort) };
}

function plain(type: LifeEvent['type']): LifeEvent {
  if (type === 'link-lost') return linkLost;
  if (type === 'engine-lost') return engineLost;
  if (type === 'failed') return { type, reason: 'out-of-memory', detail: '' };
  return { type };
}

function inShort(order: Order): string {
  if (order.do === 'wait') return `wait ${order.ms}`;
  if (order.do === 'show') return `show ${order.state}`;
  return order.do === 'show-failure' ? `show ${order.reason}` : order.do;
}

const joined = after(newLife, 'start', 'engine-ready', 'joined').life;

test('from the tap to the run', () => {
  expect(after(newLife, 'start').orders).toEqual([
    'show starting',
    'keep-screen-on',
    'start-engine',
  ]);
  expect(after(newLife, 'start', 'engine-ready').orders).toEqual(['show connecting', 'connect']);
  expect(joined).toEqual({ ...newLife, phase: 'joined', hasJoined: true });
});

test('a host that never answered is unreachable, one that did is gone', () => {
  const first = after(newLife, 'start', 'engine-ready', 'link-lost');
  expect(first.orders).toEqual(['show host-unreachable', 'wait 500']);
  const later = after(joined, 'link-lost');
  expect(later.orders).toEqual(['show host-gone', 'wait 500']);
  expect(after(later.life, 'waited').orders).toEqual(['connect']);
});

test('the wait doubles up to a quarter of a minute', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 64].map(waitAfter)).toEqual([
    500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000,
  ]);
});

test('a host that is back ends the count; one that stays away is given up', () => {
  let { life } = after(joined, 'link-lost');
  for (let tries = 2; tries <= maxFailedTries; tries++) {
    const next = after(life, 'waited', 'link-lost');
    expect(next.orders).toEqual(['show host-gone', `wait ${waitAfter(tries)}`]);
    life = next.life;
  }
  expect(after(life, 'waited', 'joined').life.failedTries).toBe(0);
  const last = after(life, 'waited', 'link-lost');
  expect(last.orders).toEqual(['end-engine', 'let-screen-go', 'show given-up']);
  const again = ['show starting', 'keep-screen-on', 'start-engine'];
  expect(after(last.life, 'start').orders).toEqual(again);
  expect(after(last.life, 'hidden', 'returned').orders).toEqual(again);
});

test('a page that comes back doubts its link', () => {
  expect(after(joined, 'hidden').orders).toEqual([]);
  expect(after(joined, 'hidden', 'returned').orders).toEqual(['check-link']);
  expect(after(joined, 'returned').orders).toEqual(['check-link']);
});

test('a hidden page tries nothing; one that comes back tries at once', () => {
  expect(after(joined, 'link-lost', 'hidden').orders).toEqual(['wait 0']);
  expect(after(joined, 'link-lost', 'hidden', 'waited').orders).toEqual([]);
  const hidden = after(joined, 'hidden', 'link-lost');
  expect(hidden.orders).toEqual(['show host-gone']);
  expect(after(hidden.life, 'returned').orders).toEqual(['wait 0', 'connect']);
  expect(after(joined, 'link-lost', 'returned').life.failedTries).toBe(0);
});

test('what was under way goes on while the page is hidden', () => {
  expect(after(newLife, 'start', 'hidden', 'engine-ready').orders).toContain('connect');
  expect(after(newLife, 'start', 'engine-ready', 'hidden', 'returned').orders).toEqual([]);
});

test('a lost graphics processor is asked for again, three times in a row at most', () => {
  let life = joined;
  for (let lost = 1; lost <= maxLostEngines; lost++) {
    const next = after(life, 'engine-lost');
    expect(next.orders).toEqual(['end-engine', 'show starting', `wait ${waitAfter(lost)}`]);
    const rebuilt = after(next.life, 'waited');
    expect(rebuilt.orders).toEqual(['start-engine']);
    life = after(rebuilt.life, 'engine-ready', 'joined').life;
  }
  const last = after(life, 'engine-lost');
  expect(last.orders).toEqual(['wait 0', 'let-screen-go', 'end-engine', 'show device-lost']);
  expect(last.life.phase).toBe('ended');
  // A step in between shows that it works.
  expect(after(life, 'stepped', 'engine-lost').life.phase).toBe('rebuilding');
});

test('where one was lost, none at all counts as lost again', () => {
  const none = { type: 'failed', reason: 'no-adapter', detail: '' } as const;
  expect(after(joined, 'engine-lost', 'waited', none).life).toMatchObject({
    phase: 'rebuilding',
    lostEngines: 2,
  });
  expect(after(newLife, 'start', none).orders).toContain('show no-adapter');
});

test('one that is lost behind a lock screen is asked for when the page is back', () => {
  const lost = after(joined, 'hidden', 'engine-lost');
  expect(lost.orders).toEqual(['end-engine', 'show starting']);
  expect(after(lost.life, 'returned').orders).toEqual(['wait 0', 'start-engine']);
});

test('what ends is over until the next tap', () => {
  const ends: [Short, string[]][] = [
    ['stop', ['wait 0', 'let-screen-go', 'say-goodbye', 'end-engine', 'show stopped']],
    ['taken-over', ['wait 0', 'let-screen-go', 'say-goodbye', 'end-engine', 'show elsewhere']],
    ['run-over', ['wait 0', 'let-screen-go', 'end-engine']],
    ['failed', ['wait 0', 'let-screen-go', 'end-engine', 'show out-of-memory']],
  ];
  for (const [event, orders] of ends) {
    const ended = after(joined, event);
    expect(ended.orders).toEqual(orders);
    for (const late of ['link-lost', 'engine-lost', 'waited', 'returned', 'joined'] as const) {
      expect(after(ended.life, late)).toEqual({ life: ended.life, orders: [] });
    }
    expect(after(ended.life, 'start').orders).toContain('start-engine');
  }
});

test('events out of place change nothing', () => {
  const nothing = { life: newLife, orders: [] };
  for (const early of ['engine-ready', 'joined', 'link-lost', 'engine-lost', 'waited'] as const) {
    expect(after(newLife, early)).toEqual(nothing);
  }
  // The link of an engine that is gone closes after it.
  const rebuilding = after(joined, 'engine-lost').life;
  expect(after(rebuilding, 'link-lost')).toEqual({ life: rebuilding, orders: [] });
  expect(after(joined, 'start', 'engine-ready').life).toEqual(joined);
});
