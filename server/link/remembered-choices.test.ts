import { expect, test } from 'vitest';
import type { LinkFacts } from '../../runtime/link/control';
import { RememberedChoices } from './remembered-choices';

const https: LinkFacts = { down: 'https', up: 'https' };

test('a choice is known for an hour', () => {
  let now = 0;
  const remembered = new RememberedChoices(() => now);
  remembered.keep('phone', https);
  now += 3_599_999;
  expect(remembered.find('phone')).toBe(https);
  expect(remembered.find('tablet')).toBeUndefined();
  now += 1;
  expect(remembered.find('phone')).toBeUndefined();
});

test('the oldest makes room, and what is forgotten is gone', () => {
  const remembered = new RememberedChoices();
  for (let device = 0; device < 256; device++) remembered.keep(String(device), https);
  remembered.keep('0', https);
  remembered.keep('256', https);
  expect(remembered.find('1')).toBeUndefined();
  expect(remembered.find('0')).toBe(https);
  remembered.forget('0');
  expect(remembered.find('0')).toBeUndefined();
});
