import { expect, test } from 'vitest';
import { ActionError, formatAction, parseAction } from './action';

test.each([
  ['0F0', { stage: 0, kind: 'F', microBatch: 0 }],
  ['2B7', { stage: 2, kind: 'B', microBatch: 7 }],
  ['12I130', { stage: 12, kind: 'I', microBatch: 130 }],
  ['1W31', { stage: 1, kind: 'W', microBatch: 31 }],
] as const)('%s parses and prints', (text, action) => {
  expect(parseAction(text)).toEqual(action);
  expect(formatAction(action)).toBe(text);
});

test.each([
  '',
  'F0',
  '2F',
  '2X0',
  '2f0',
  '-1F0',
  '02F0',
  '2F00',
  '2F0 ',
  '1.5F0',
  '2F0\n',
  '1000000F0',
])("'%s' is refused", (text) => {
  expect(() => parseAction(text)).toThrow(ActionError);
});

test('the error says what an action looks like', () => {
  expect(() => parseAction('forward 0')).toThrow(
    "expected an action of stage, F, B, I or W, and micro-batch, such as '2F0', got 'forward 0'",
  );
});
