import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Prefetch } from './prefetch';

/** Makes `value N`; notes what was started and what was stopped before its end. */
function logged(depth: number, failing?: number): { prefetch: Prefetch<string>; log: string[] } {
  const log: string[] = [];
  const prefetch = new Prefetch(async (number, signal) => {
    log.push(`start ${number}`);
    await setImmediate();
    await setImmediate();
    if (signal.aborted) log.push(`stop ${number}`);
    signal.throwIfAborted();
    if (number === failing) throw new Error(`no ${number}`);
    return `value ${number}`;
  }, depth);
  return { prefetch, log };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await setImmediate();
};

test('the next ones are made ahead, one after the other, each once', async () => {
  const { prefetch, log } = logged(2);
  expect(await prefetch.take(1)).toBe('value 1');
  await settle();
  expect(log).toEqual(['start 1', 'start 2', 'start 3']);
  expect(await prefetch.take(2)).toBe('value 2');
  await settle();
  expect(log).toEqual(['start 1', 'start 2', 'start 3', 'start 4']);
});

test('a jump drops what was prefetched and makes what is asked for', async () => {
  const { prefetch, log } = logged(2);
  await prefetch.take(10);
  expect(await prefetch.take(3)).toBe('value 3');
  await settle();
  expect(log).toEqual(['start 10', 'start 11', 'start 3', 'stop 11', 'start 4', 'start 5']);
});

test('the same one can be asked for again', async () => {
  const { prefetch } = logged(1);
  const [first, second] = await Promise.all([prefetch.take(1), prefetch.take(1)]);
  expect([first, second, await prefetch.take(1)]).toEqual(['value 1', 'value 1', 'value 1']);
});

test('a failure reaches whoever asks for it, not those before and after', async () => {
  const { prefetch } = logged(2, 2);
  expect(await prefetch.take(1)).toBe('value 1');
  await settle();
  await expect(prefetch.take(2)).rejects.toThrow('no 2');
  expect(await prefetch.take(3)).toBe('value 3');
});

test('closed, it stops what is under way and gives nothing more', async () => {
  const { prefetch, log } = logged(3);
  await prefetch.take(1);
  await prefetch.close();
  expect(log).toEqual(['start 1', 'start 2', 'stop 2']);
  await expect(prefetch.take(2)).rejects.toThrow('was closed');
});
