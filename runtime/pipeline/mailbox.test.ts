import { expect, test } from 'vitest';
import { Mailbox } from './mailbox';

test('a value goes to whoever takes its key, whichever comes first', async () => {
  const mailbox = new Mailbox<number>();
  mailbox.put('early', 1);
  const late = mailbox.take('late');
  mailbox.put('late', 2);
  expect(await mailbox.take('early')).toBe(1);
  expect(await late).toBe(2);
});

test('a key can be used again once its value was taken', async () => {
  const mailbox = new Mailbox<number>();
  mailbox.put('key', 1);
  expect(() => mailbox.put('key', 2)).toThrow("'key' came twice");
  expect(await mailbox.take('key')).toBe(1);
  mailbox.put('key', 3);
  expect(await mailbox.take('key')).toBe(3);
});

test('closing ends who waits and who comes later', async () => {
  const mailbox = new Mailbox<number>();
  const waiting = mailbox.take('key');
  mailbox.put('other', 1);
  mailbox.close(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  await expect(mailbox.take('other')).rejects.toThrow('gone');
  expect(() => mailbox.put('key', 1)).not.toThrow();
});
