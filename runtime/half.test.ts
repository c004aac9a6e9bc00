import { expect, test } from 'vitest';
import { fromHalf, largestHalf, smallestNormalHalf, toHalf } from './half';

test.each([
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2, 0xc000],
  [largestHalf, 0x7bff],
  [smallestNormalHalf, 0x0400],
  [2 ** -24, 0x0001],
  [Infinity, 0x7c00],
  [-Infinity, 0xfc00],
])('%d is %d, and back', (value, bits) => {
  expect(toHalf(value)).toBe(bits);
  expect(fromHalf(bits)).toBe(value);
});

test.each([
  ['halfway to the odd one above', 1 + 2 ** -11, 1],
  ['halfway to the even one above', 1 + 3 * 2 ** -11, 1 + 2 ** -9],
  ['just above halfway', 1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
  ['up into the next exponent', 2 - 2 ** -12, 2],
  ['up from the subnormals', smallestNormalHalf - 2 ** -26, smallestNormalHalf],
  ['below half of the smallest', 2 ** -26, 0],
  ['half of the smallest', 2 ** -25, 0],
  ['still finite', 65519.99, largestHalf],
  ['not finite any more', 65520, Infinity],
])('rounds %s', (_, value, expected) => {
  expect(fromHalf(toHalf(value))).toBe(expected);
});

test('every half is what it was after both ways', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = fromHalf(bits);
    if (!Number.isNaN(value)) expect(toHalf(value)).toBe(bits);
  }
  expect(fromHalf(toHalf(NaN))).toBeNaN();
});
