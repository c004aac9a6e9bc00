import { expect, test } from 'vitest';
import { memoryBudget } from './memory-budget';

const iPhone = {
  userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) Version/26.0 Safari/604.1',
  maxTouchPoints: 5,
};
const macintosh = { userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0' };

test.each([
  ['an iPhone', iPhone, '', 1e9],
  ['an iPad, which calls itself a Macintosh', { ...macintosh, maxTouchPoints: 5 }, '', 1e9],
  ['a Macintosh', { ...macintosh, maxTouchPoints: 0 }, '', undefined],
  ['the address, before anything else', iPhone, '?memory=300', 300e6],
  ['a number of megabytes that is none', iPhone, '?memory=much', 1e9],
  ['a number of megabytes that is negative', iPhone, '?memory=-1', 1e9],
])('%s', (_, browser, query, expected) => {
  expect(memoryBudget(browser, query)).toBe(expected);
});
