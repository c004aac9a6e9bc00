import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LinkRecord } from './record';
import { Sequencer } from './sequencer';

function record(sequence: number, bytes = 1): LinkRecord {
  return { kind: 'frame', sequence, body: [new Uint8Array(bytes)] };
}

test('in whatever order and however often records come, each is delivered once and in order', () => {
  const arrivals = fc.integer({ min: 1, max: 30 }).chain((count) =>
    fc.array(fc.integer({ min: 0, max: count - 1 }), { maxLength: 20 }).chain((twice) =>
      fc
        .shuffledSubarray([...Array(count).keys(), ...twice], {
          minLength: count + twice.length,
        })
        .map((order) => ({ count, order })),
    ),
  );
  fc.assert(
    fc.property(arrivals, ({ count, order }) => {
      const delivered: number[] = [];
      const sequencer = new Sequencer(({ sequence }) => void delivered.push(sequence));
      for (const sequence of order) sequencer.take(record(sequence));
      expect(delivered).toEqual([...Array(count).keys()]);
      expect(sequencer.heldBytes).toBe(0);
    }),
  );
});

test('what is delivered may bring the next record', () => {
  const delivered: number[] = [];
  const sequencer: Sequencer = new Sequencer(({ sequence }) => {
    delivered.push(sequence);
    if (sequence < 3) sequencer.take(record(sequence + 1));
  });
  sequencer.take(record(0));
  expect(delivered).toEqual([0, 1, 2, 3]);
});

test('a gap that never closes is an error before memory is full', () => {
  const sequencer = new Sequencer(() => expect.unreachable());
  const body = 4 * 1024 * 1024;
  for (let sequence = 1; sequence <= 8; sequence++) sequencer.take(record(sequence, body));
  expect(sequencer.heldBytes).toBe(8 * body);
  expect(() => sequencer.take(record(9, 1))).toThrow(
    'link: expected record 0 before 33554432 bytes or 16384 records behind it, ' +
      'got 33554433 bytes in 9',
  );
});

test('a record has a place once, and none once it came', () => {
  const sequencer = new Sequencer(() => undefined);
  expect([0, 0, 2, 1].map((sequence) => sequencer.mayPlace(sequence))).toEqual([
    true,
    false,
    true,
    true,
  ]);
  sequencer.take(record(0));
  sequencer.take(record(3));
  expect([0, 3, 2, 4].map((sequence) => sequencer.mayPlace(sequence))).toEqual([
    false,
    false,
    false,
    true,
  ]);
});
