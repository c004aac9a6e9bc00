import { expect, test } from 'vitest';
import { cutIntoSubmits, learnCosts, safeSubmit, type Piece } from './submit-size';

const untimed = (length: number): undefined[] => Array.from({ length }, () => undefined);
const each = (length: number, ms: number): number[] => Array.from({ length }, () => ms);
const sizes = (pieces: readonly Piece[]): number[] => pieces.map(({ from, to }) => to - from);

test('what nobody has timed goes eight by eight', () => {
  expect(cutIntoSubmits(untimed(19))).toEqual([
    { from: 0, to: 8 },
    { from: 8, to: 16 },
    { from: 16, to: 19 },
  ]);
});

test('quick dispatches: as many as are known to go well', () => {
  expect(safeSubmit).toEqual({ dispatches: 48, ms: 30 });
  expect(sizes(cutIntoSubmits(each(143, 0.01)))).toEqual([48, 48, 47]);
});

test('slow dispatches: as many as fit into the time, and one at least', () => {
  expect(sizes(cutIntoSubmits(each(7, 12)))).toEqual([2, 2, 2, 1]);
  expect(sizes(cutIntoSubmits([1, 100, 100, 1, 1]))).toEqual([1, 1, 1, 2]);
});

test('a call without dispatches is one empty submit: it may have copies', () => {
  expect(cutIntoSubmits([])).toEqual([{ from: 0, to: 0 }]);
});

test('a first time is shared out evenly, a later one as it was known, half of it new', () => {
  expect(learnCosts(untimed(4), { from: 1, to: 3 }, 6)).toEqual([undefined, 3, 3, undefined]);
  // Known 1 + 3; now 8 together: 2 + 6, each averaged with what it was.
  expect(learnCosts([1, 3, 5], { from: 0, to: 2 }, 8)).toEqual([1.5, 4.5, 5]);
  expect(learnCosts([2, undefined], { from: 0, to: 2 }, 8)).toEqual([4, 4]);
  expect(learnCosts([0, 0], { from: 0, to: 2 }, 8)).toEqual([4, 4]);
});

test('a device whose dispatches differ: soon no submit is much longer than the limit', () => {
  const real = Array.from({ length: 112 }, (_, index) => (index % 7 === 0 ? 9 : 0.4));
  const took = ({ from, to }: Piece): number => real.slice(from, to).reduce((a, b) => a + b, 0);
  let costs: readonly (number | undefined)[] = untimed(real.length);
  for (let step = 0; step < 8; step++) {
    for (const piece of cutIntoSubmits(costs)) costs = learnCosts(costs, piece, took(piece));
  }
  const pieces = cutIntoSubmits(costs);
  expect(pieces.map(took).filter((ms) => ms > 1.2 * safeSubmit.ms)).toEqual([]);
  // 175 ms of work: not cut much finer than the limit asks for.
  expect(pieces.length).toBeLessThanOrEqual(12);
});
