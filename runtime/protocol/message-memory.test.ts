import { expect, test } from 'vitest';
import { FrameReceiver, FrameSender } from './flow';
import type { WireTensor } from './frame';
import { MessageMemory } from './message-memory';

test('memory that was given back is taken again for as many bytes, and for no others', () => {
  const memory = new MessageMemory();
  const first = memory.take(64);
  expect(memory.take(64)).not.toBe(first);
  memory.giveBack(first);
  expect(memory.take(32).byteLength).toBe(32);
  expect(memory.take(64)).toBe(first);
  expect(memory.take(64)).not.toBe(first);
});

test('of pieces that nobody takes the oldest are let go', () => {
  const memory = new MessageMemory();
  const pieces = Array.from({ length: 9 }, () => new ArrayBuffer(16));
  for (const piece of pieces) memory.giveBack(piece);
  const taken = Array.from({ length: 9 }, () => memory.take(16));
  expect(taken.slice(0, 8)).toEqual(pieces.slice(1));
  expect(pieces.filter((piece) => taken.includes(piece))).toEqual(pieces.slice(1));
});

function tensor(shape: readonly number[], first: number): WireTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length }, (_, index) => first + index);
  return { kind: 'activation', step: 1, microBatch: first, tensorId: 0, shape, dtype: 'f32', data };
}

test('a sender writes a message where one was that has left, and nothing of that stays', async () => {
  const messages: { message: Uint8Array<ArrayBuffer>; sent: () => void }[] = [];
  const sender = new FrameSender({
    send: (message, sent) => void messages.push({ message, sent }),
  });
  const take = async (sent: WireTensor): Promise<{ memory: ArrayBuffer; header: Uint8Array }> => {
    await sender.sendTensor(sent);
    const { message } = messages.at(-1) ?? {};
    if (!message) throw new Error('a message was sent');
    const received = new FrameReceiver({ grant: () => undefined }).receive(message);
    expect(received).toEqual(sent);
    return { memory: message.buffer, header: message.slice(32, 48) };
  };
  const first = await take(tensor([1, 2, 3, 4], 7));
  const second = await take(tensor([24], 8));
  expect(second.memory).not.toBe(first.memory);
  messages[0]?.sent();
  const third = await take(tensor([24], 9));
  expect(third.memory).toBe(first.memory);
  // Sizes of the shape, then zeros where the other shape was.
  expect([...third.header]).toEqual([24, ...new Array<number>(15).fill(0)]);
});
