import { expect, test } from 'vitest';
import { TensorMemory } from './tensor-memory';

test('memory that was given back is taken again for as many bytes, and for no others', () => {
  const memory = new TensorMemory();
  const first = memory.take(64);
  expect(memory.take(64).buffer).not.toBe(first.buffer);
  memory.giveBack(first.buffer);
  expect(memory.take(32)).toHaveLength(32);
  expect(memory.take(64).buffer).toBe(first.buffer);
  expect(memory.take(64).buffer).not.toBe(first.buffer);
});

test('memory that is given back twice is taken once', () => {
  const memory = new TensorMemory();
  const { buffer } = memory.take(64);
  memory.giveBack(buffer);
  memory.giveBack(buffer);
  expect(memory.take(64).buffer).toBe(buffer);
  expect(memory.take(64).buffer).not.toBe(buffer);
});

test('of pieces that nobody takes the oldest are let go', () => {
  const memory = new TensorMemory();
  const pieces = Array.from({ length: 5 }, () => new ArrayBuffer(16));
  for (const piece of pieces) memory.giveBack(piece);
  const taken = Array.from({ length: 5 }, () => memory.take(16).buffer);
  expect(taken.slice(0, 4)).toEqual(pieces.slice(1));
  expect(pieces.filter((piece) => taken.includes(piece))).toEqual(pieces.slice(1));
});

test('memory that has moved to another thread is none any more', () => {
  const memory = new TensorMemory();
  const { buffer } = memory.take(64);
  memory.giveBack(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  expect(memory.take(64)).toHaveLength(64);
});
