import { expect, test } from 'vitest';
import { fastest, isInQuestion, isOpen, mixtureOf, pairsOf, type Measured } from './choice';

const all = new Set(['ws-0', 'ws-1', 'ws-2', 'get', 'post']);

function print(pairs: readonly { down: string; up: string }[]): string[] {
  return pairs.map(({ down, up }) => `${down}/${up}`);
}

test('the ways that are open both ways are measured first, simplest first', () => {
  expect(print(pairsOf(all))).toEqual([
    'websocket/websocket',
    'websockets/websockets',
    'https/https',
  ]);
});

test('what is not open is no choice', () => {
  expect(print(pairsOf(new Set(['get', 'post'])))).toEqual(['https/https']);
  // Of three WebSockets two: fewer lanes than the other end counts on.
  expect(print(pairsOf(new Set(['ws-0', 'ws-1'])))).toEqual(['websocket/websocket']);
  expect(print(pairsOf(new Set(['ws-0', 'get'])))).toEqual(['websocket/websocket']);
  expect(isOpen({ down: 'https', up: 'websocket' }, new Set(['ws-0', 'get']))).toBe(true);
  expect(isOpen({ down: 'websocket', up: 'https' }, new Set(['ws-0', 'get']))).toBe(false);
});

function measured(text: string): Measured[] {
  return text.split(' ').map((entry) => {
    const [down = '', up = '', downRate, upRate] = entry.split('/');
    return {
      down: down as Measured['down'],
      up: up as Measured['up'],
      downBytesPerSecond: 1e6 * Number(downRate),
      upBytesPerSecond: 1e6 * Number(upRate),
    };
  });
}

test.each([
  // Chromium's and WebKit's rates of docs/benchmark-link.md, roundly.
  ['websocket/websocket/47/55 https/websocket/174/56 https/https/199/130', 'https/https'],
  ['websocket/websocket/150/150 https/websocket/122/62 https/https/160/14', 'websocket/websocket'],
  // 2 / (1/100 + 1/100) = 100 against 2 / (1/1000 + 1/40) = 77
  ['https/https/1000/40 websocket/websockets/100/100', 'websocket/websockets'],
  // Within a quarter, the simpler one.
  ['websocket/websocket/100/100 websockets/websockets/124/124', 'websocket/websocket'],
  ['websocket/websocket/100/100 websockets/websockets/126/126', 'websockets/websockets'],
  // A way that opens and carries nothing.
  ['websocket/websocket/0/0 https/https/1/1', 'https/https'],
])('%s', (rates, expected) => {
  expect(print([fastest(measured(rates)) ?? { down: '', up: '' }])).toEqual([expected]);
});

test.each([
  // The narrow way of each is the other's wide one.
  ['websocket/websocket/50/80 https/https/400/10', 'https/websocket'],
  ['websocket/websocket/50/80 websockets/websockets/60/70 https/https/10/90', 'websockets/https'],
  ['websocket/websocket/50/80 https/https/400/90', 'none'],
])('the mixture of %s: %s', (rates, expected) => {
  const mixture = mixtureOf(measured(rates));
  expect(mixture ? print([mixture]) : ['none']).toEqual([expected]);
});

test('what is far behind after a first look is looked at no more', () => {
  const rates = measured('websocket/websocket/50/50 websockets/websockets/59/59 https/https/90/90');
  // 0.56, 0.66 and 1 of the fastest.
  expect(rates.map((each) => isInQuestion(each, rates))).toEqual([false, true, true]);
});
