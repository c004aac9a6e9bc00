import { expect, onTestFinished, test } from 'vitest';
import { HeadlessPhones } from '../../server/cli/phones';
import { startServer } from '../../server/http/server';
import { pages } from '../pages/scripted-host';

test('a headless worker whose browser ends is started again, until that is no accident', async () => {
  const host = await startServer('127.0.0.1', 0, { pages });
  onTestFinished(() => host.close());
  const said: string[] = [];
  const failed: string[] = [];
  const phones = new HeadlessPhones(
    host,
    (text) => void said.push(text.replace(/: .*/, '')),
    ({ message }) => void failed.push(message),
    1,
  );
  onTestFinished(() => phones.close());
  await phones.start(1);
  await expect.poll(() => host.pool.workers.length, { timeout: 30_000 }).toBe(1);
  const [first] = host.pool.workers;
  await phones.running[0]?.kill();
  await expect.poll(() => phones.running.length, { timeout: 30_000 }).toBe(1);
  expect(failed).toEqual([]);
  await expect.poll(() => host.pool.workers.length, { timeout: 30_000 }).toBe(1);
  expect(host.pool.workers[0]).not.toBe(first);
  await phones.running[0]?.kill();
  await expect.poll(() => failed).toEqual(['the headless worker is gone: killed']);
  expect(phones.running).toEqual([]);
  expect(said.filter((text) => text === 'Headless worker')).toHaveLength(2);

  // The run is over, its browsers not yet: one that ends in between is not missed.
  await phones.start(1);
  phones.retire();
  await phones.running[0]?.kill();
  await expect.poll(() => phones.running).toEqual([]);
  expect(failed).toHaveLength(1);
  expect(said.at(-1)).toBe('Headless worker');
}, 120_000);
