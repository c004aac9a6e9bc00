import { expect, test } from 'vitest';
import { dot, finiteDifference, normal64, relativeError } from './finite-difference';
import { padShortcut, padShortcutBackward } from './pad-shortcut';

test('every second pixel of a 3x3 picture, one channel of zeros on each side', () => {
  const input = { shape: [1, 1, 3, 3], data: Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9) };
  const output = padShortcut(input, { outChannels: 3, stride: 2 });
  expect(output.shape).toEqual([1, 3, 2, 2]);
  expect([...output.data]).toEqual([0, 0, 0, 0, 1, 3, 7, 9, 0, 0, 0, 0]);
});

test.each([1, 2])('gradient at stride %d', (stride) => {
  const input = normal64([2, 4, 5, 4], 1);
  const window = { outChannels: 8, stride };
  const dy = normal64(padShortcut(input, window).shape, 2);
  const expected = finiteDifference(() => dot(padShortcut(input, window), dy), input);
  const actual = padShortcutBackward(dy, input.shape, window);
  expect(relativeError(actual, expected)).toBeLessThan(1e-6);
});
