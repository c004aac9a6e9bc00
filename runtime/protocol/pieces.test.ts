import { expect, test } from 'vitest';
import { byteLength, joined } from './pieces';

test('pieces follow one another', () => {
  const pieces = [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)];
  expect(byteLength(pieces)).toBe(3);
  expect(joined(pieces)).toEqual(Uint8Array.of(1, 2, 3));
  expect(joined([])).toEqual(Uint8Array.of());
});

test('one piece stays where it is', () => {
  const piece = Uint8Array.of(1, 2);
  expect(joined([piece])).toBe(piece);
});

test('in memory that is there already, the message is a part of that', () => {
  const memory = new Uint8Array(8).fill(9);
  const whole = joined([Uint8Array.of(1, 2), Uint8Array.of(3)], memory);
  expect(whole).toEqual(Uint8Array.of(1, 2, 3));
  expect(whole.buffer).toBe(memory.buffer);
});
