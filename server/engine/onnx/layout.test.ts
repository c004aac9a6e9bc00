import { expect, test } from 'vitest';
import { blocked, eachElement, laidOut, layoutOf } from './layout';
import { ModelBuilder } from './model-builder';

test.each([
  [[2, 32, 5, 7], 16, 16],
  [[2, 32, 1, 1], 8, 8],
  [[2, 24, 5, 7], 16, undefined],
  [[2, 3, 5, 7], 16, undefined],
  [[16, 32], 16, undefined],
  [[2, 32, 5, 7], undefined, undefined],
])('values of shape %j with blocks of %s channels: in blocks of %s', (shape, size, layout) => {
  expect(layoutOf(shape, size)).toBe(layout);
});

test('a value is reordered only where it has another layout', () => {
  const graph = new ModelBuilder('layouts');
  const value = graph.input('x', [2, 16, 3, 3]);
  const inBlocks = laidOut(graph, value, 16);
  expect(inBlocks).toMatchObject({ shape: [2, 16, 3, 3], blockSize: 16 });
  expect(laidOut(graph, inBlocks, 16)).toBe(inBlocks);
  expect(laidOut(graph, value, undefined)).toBe(value);
});

test('values of two layouts, or two shapes, are not taken element by element', () => {
  const graph = new ModelBuilder('mixed');
  const value = graph.input('x', [2, 16, 3, 3]);
  const refusal = 'Add: expected values of one shape and layout';
  expect(() => eachElement(graph, 'Add', [value, blocked(value, 16)])).toThrow(refusal);
  const wider = graph.input('y', [2, 16, 3, 4]);
  expect(() => eachElement(graph, 'Add', [value, wider])).toThrow(refusal);
});
