import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { DecodeQueue } from './decode-queue';

const { signal: never } = new AbortController();

test('tasks start in order, so many at a time, and a failed one gives its place on', async () => {
  const queue = new DecodeQueue(2);
  const log: string[] = [];
  let running = 0;
  const tasks = Array.from({ length: 6 }, (_, index) =>
    queue.run(async () => {
      log.push(`${index} with ${running++}`);
      await setImmediate();
      running--;
      if (index === 1) throw new Error('a bad picture');
      return index;
    }, never),
  );
  const results = await Promise.allSettled(tasks);
  expect(log).toEqual(['0 with 0', '1 with 1', '2 with 1', '3 with 1', '4 with 1', '5 with 1']);
  expect(results.map((result) => ('value' in result ? result.value : 'failed'))).toEqual([
    ...[0, 'failed', 2, 3, 4, 5],
  ]);
});

test('a task whose signal is aborted before its turn never runs', async () => {
  const queue = new DecodeQueue(1);
  const abort = new AbortController();
  const first = queue.run(() => setImmediate('first'), never);
  let ran = false;
  const second = queue.run(() => Promise.resolve((ran = true)), abort.signal);
  const third = queue.run(() => Promise.resolve('third'), never);
  abort.abort(new Error('no longer needed'));
  await expect(second).rejects.toThrow('no longer needed');
  expect([await first, await third, ran]).toEqual(['first', 'third', false]);
});
