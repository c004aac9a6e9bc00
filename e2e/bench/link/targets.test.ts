import { expect, test } from 'vitest';
import { table } from './table';
import { missedTargets } from './targets';

/** Ratios of the contestants, the first of them 1. */
function rows(
  ratios: Readonly<Record<string, number>>,
  chosen = 'websockets',
): ReturnType<typeof table> {
  return table(
    Object.entries(ratios).map(([contestant, ratio]) => ({
      contestant,
      down: 1e6 * ratio,
      up: 1e6 * ratio,
      way: contestant === 'auto' ? chosen : contestant,
    })),
  );
}

test('a row has the medians of its rounds, and the ratio of both directions together', () => {
  const measured = [
    { contestant: 'echo', down: 100, up: 100 },
    { contestant: 'auto', down: 300, up: 50, chose: 'first', way: 'https' },
    { contestant: 'echo', down: 300, up: 300 },
    { contestant: 'auto', down: 100, up: 30, chose: 'second' },
    { contestant: 'auto', down: 200, up: 40, chose: 'third', way: 'https' },
  ];
  expect(table(measured)).toEqual([
    { contestant: 'echo', down: 200, up: 200, ratio: 1, chose: [], ways: ['a mixture'] },
    {
      contestant: 'auto',
      down: 200,
      up: 40,
      ratio: 0.6,
      chose: ['first', 'second', 'third'],
      ways: ['https', 'a mixture'],
    },
  ]);
});

test('figures at their bounds meet them', () => {
  expect(
    missedTargets({
      chromium: rows({ echo: 1, websocket: 0.8, https: 0.94, auto: 0.9 }),
      // Twice the same way, one time slower than the other.
      webkitgtk: rows({ echo: 1, websocket: 1, auto: 0.9 }, 'websocket'),
      node: rows({ socket: 1, auto: 0.5 }),
    }),
  ).toEqual([]);
});

test.each<[string, Parameters<typeof missedTargets>[0]]>([
  [
    'webkitgtk, chosen beside the bare socket: expected at least 0.9x, got 0.890x',
    { webkitgtk: rows({ echo: 1, websocket: 0.9, auto: 0.89 }) },
  ],
  [
    'chromium, chosen beside the best single way: expected at least 0.95x, got 0.920x',
    { chromium: rows({ echo: 1, websocket: 0.5, https: 2.5, auto: 2.3 }) },
  ],
  [
    'node, chosen beside the bare socket: expected at least 0.5x, got 0.490x',
    { node: rows({ socket: 1, auto: 0.49 }) },
  ],
  [
    'node, chosen beside the bare socket: expected at least 0.5x, got NaNx',
    { node: rows({ socket: 1 }) },
  ],
])('%s', (line, result) => {
  expect(missedTargets(result)).toContain(line);
});
