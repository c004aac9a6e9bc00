import { expect, onTestFinished, test, vi } from 'vitest';
import { watchLinks } from './link-watch';
import type { NetworkFacts } from './network-link';

test('a cable that is plugged in is told once, again after it was pulled', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let isPluggedIn = false;
  const facts = (): NetworkFacts => ({
    platform: 'linux',
    interfaces: isPluggedIn
      ? {
          enx0: [
            {
              address: '172.20.10.2',
              netmask: '255.255.255.240',
              family: 'IPv4',
              mac: '',
              internal: false,
              cidr: null,
            },
          ],
        }
      : {},
    drivers: new Map(),
    radios: new Set(),
  });
  const told: string[] = [];
  const stop = watchLinks((links) => told.push(...links.map(({ words }) => words)), facts);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual([]);
  isPluggedIn = true;
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['USB cable to iPhone']);
  isPluggedIn = false;
  vi.advanceTimersByTime(2_000);
  isPluggedIn = true;
  vi.advanceTimersByTime(2_000);
  expect(told).toHaveLength(2);
  stop();
  isPluggedIn = false;
  vi.advanceTimersByTime(10_000);
  expect(told).toHaveLength(2);
});
