import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TransportChoice } from '../../runtime/link/control';
import type { LinkPlatform } from '../../runtime/link/platform';
import { HostUnreachableError, WorkerLink } from '../../runtime/link/worker-link';
import type { WireTensor } from '../../runtime/protocol/frame';
import { expectSame, join, measuringPlatform, MiB, tensor } from './link-fixture';
import { nodePlatform } from './node-platform';

const transports: readonly Exclude<TransportChoice, 'auto'>[] = [
  'websocket',
  'websockets',
  'https',
  'stream',
];

describe.each(transports)('%s', (choice) => {
  test('any sizes both ways arrive whole, once and in order', async () => {
    const { hostEnd, workerEnd, hostSide, workerSide, channel, facts } = await join({ choice });
    await channel.settle('phone');
    expect(facts()).toMatchObject({ down: choice, up: choice });
    const sizes = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 200_000 })),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    let numBefore = 0;
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (down, up) => {
        hostEnd.tensors.length = hostEnd.order.length = 0;
        workerEnd.tensors.length = workerEnd.order.length = 0;
        const toWorker = down.map((length, index) => tensor(index, length, 'activation'));
        const toHost = up.map((length, index) => tensor(index, length, 'gradient'));
        for (const each of toWorker) void hostSide.sendTensor(each);
        for (const each of toHost) void workerSide.sendTensor(each);
        await Promise.all([workerEnd.have(down.length), hostEnd.have(up.length)]);
        expectSame(workerEnd.tensors, toWorker);
        expectSame(hostEnd.tensors, toHost);
        numBefore += down.length;
      }),
      { numRuns: 8 },
    );
    expect(numBefore).toBeGreaterThan(0);
  });

  test('more than every window goes through', async () => {
    const { workerEnd, hostEnd, hostSide, workerSide, channel } = await join({ choice });
    await channel.settle('phone');
    const down = tensor(0, 5 * MiB, 'activation');
    const up = tensor(0, 5 * MiB, 'gradient');
    await Promise.all([hostSide.sendTensor(down), workerSide.sendTensor(up)]);
    await Promise.all([workerEnd.have(1), hostEnd.have(1)]);
    expectSame(workerEnd.tensors, [down]);
    expectSame(hostEnd.tensors, [up]);
  });

  test('a cut in mid-frame ends both ends, and nothing half comes', async () => {
    const { host, workerEnd, hostEnd, hostSide, channel } = await join({ choice });
    await channel.settle('phone');
    const sent = Array.from({ length: 8 }, (_, index) => tensor(index, MiB, 'activation'));
    const sending = Promise.allSettled(sent.map((each) => hostSide.sendTensor(each)));
    await workerEnd.have(1);
    for (const socket of host.connections.keys()) socket.destroy();
    const [hostError, workerError] = await Promise.all([hostEnd.closed, workerEnd.closed]);
    expect(hostError.name).toBe('ConnectionClosedError');
    expect(workerError.name).toBe('ConnectionClosedError');
    await sending;
    expectSame(workerEnd.tensors, sent.slice(0, workerEnd.tensors.length));
  });

  test('a goodbye is heard before the end', async () => {
    const { hostEnd, workerSide, channel } = await join({ choice });
    await channel.settle('phone');
    workerSide.send({ type: 'leave', message: 'stopped on the device' });
    workerSide.close(new Error('stopped on the device'));
    await hostEnd.closed;
    expect(hostEnd.texts).toEqual(['{"type":"leave","message":"stopped on the device"}']);
  });
});

test('what was sent before there was a choice stays in order with what comes behind it', async () => {
  const { workerEnd, hostEnd, hostSide, workerSide, channel } = await join();
  const down = Array.from({ length: 30 }, (_, index) => tensor(index, 30_000, 'activation'));
  const up = Array.from({ length: 30 }, (_, index) => tensor(index, 30_000, 'gradient'));
  const settled = channel.settle('phone');
  for (const [index, each] of down.entries()) {
    void hostSide.sendTensor(each);
    void workerSide.sendTensor(up[index] ?? each);
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  const facts = await settled;
  await Promise.all([workerEnd.have(30), hostEnd.have(30)]);
  expectSame(workerEnd.tensors, down);
  expectSame(hostEnd.tensors, up);
  expect(facts?.downBytesPerSecond).toBeGreaterThan(0);
  expect(facts?.upBytesPerSecond).toBeGreaterThan(0);
});

describe('copies of ours between the socket and the engine', () => {
  const sendOver = async (
    choice: TransportChoice,
  ): Promise<(sent: WireTensor[]) => Promise<boolean[]>> => {
    const messages = new Set<ArrayBufferLike>();
    const { hostEnd, workerSide, channel } = await join({
      choice,
      // What the WebSocket's library handed over, or where the one copy out of a stream put it.
      onMessage: (message) => void messages.add((message.at(-1) ?? new Uint8Array()).buffer),
    });
    await channel.settle('phone');
    return async (sent) => {
      for (const each of sent) void workerSide.sendTensor(each);
      await hostEnd.have(sent.length);
      expectSame(hostEnd.tensors, sent);
      return hostEnd.tensors.map(({ data }) => messages.has(data.buffer));
    };
  };

  test.each(transports)('%s: none up to 4 MiB', async (choice) => {
    const isMessage = await sendOver(choice);
    const sent = [tensor(0, MiB, 'gradient'), tensor(1, 300_000, 'gradient')];
    expect(await isMessage(sent)).toEqual([true, true]);
  });

  test.each(['https', 'stream'] as const)('%s: none above', async (choice) => {
    const isMessage = await sendOver(choice);
    const sent = [0, 1, 2].map((microBatch) => tensor(microBatch, 1_605_632, 'gradient'));
    expect(await isMessage(sent)).toEqual([true, true, true]);
  });
});

test('a device that comes back has the transport that was measured, at once', async () => {
  const first = await join();
  const chosen = await first.channel.settle('phone');
  expect(chosen?.downBytesPerSecond).toBeGreaterThan(0);
  first.workerSide.close(new Error('reloaded'));
  await first.hostEnd.closed;

  let measured = 0;
  const platform = measuringPlatform();
  const back = await join(
    { host: first.host },
    { ...platform, now: () => (measured++, platform.now()) },
  );
  expect(await back.channel.settle('phone')).toEqual(chosen);
  // The clock is read to measure, and for nothing else.
  expect(measured).toBe(0);
  expect(back.facts()).toEqual(chosen);
  await back.hostSide.sendTensor(tensor(0, 1000, 'activation'));
  await back.workerEnd.have(1);
  back.workerSide.close(new Error('gone again'));
  await back.hostEnd.closed;

  // It ended within a minute: what was remembered may have been to blame.
  const third = await join(
    { host: first.host },
    { ...platform, now: () => (measured++, platform.now()) },
  );
  await third.channel.settle('phone');
  expect(measured).toBeGreaterThan(0);
});

test('a worker in Node takes a stream and measures nothing, where it is not blocked', async () => {
  let numProbes = 0;
  const counting = (): LinkPlatform => {
    const platform = nodePlatform();
    return { ...platform, now: () => (numProbes++, platform.now()) };
  };
  const { channel } = await join({}, counting());
  expect(await channel.settle('node')).toEqual({ down: 'stream', up: 'stream' });
  expect(numProbes).toBe(0);
  const asked = await join({ choice: 'websockets' }, counting());
  expect(await asked.channel.settle('node')).toEqual({ down: 'websockets', up: 'websockets' });
  const blocked = await join({ blocksWebSockets: true }, counting());
  expect(await blocked.channel.settle('node')).toMatchObject({ down: 'https', up: 'https' });
});

test('where WebSockets are blocked the link goes over requests', async () => {
  const { channel, facts, workerEnd, hostSide } = await join({ blocksWebSockets: true });
  expect(facts()).toEqual({ down: 'https', up: 'https' });
  expect(await channel.settle('phone')).toMatchObject({ down: 'https', up: 'https' });
  await hostSide.sendTensor(tensor(0, 1000, 'activation'));
  await workerEnd.have(1);
  expect(workerEnd.tensors).toHaveLength(1);
});

test('a choice that can not be had gives way to one that works', async () => {
  const { channel } = await join({ blocksWebSockets: true, choice: 'websockets' });
  expect(await channel.settle('phone')).toMatchObject({ down: 'https', up: 'https' });
});

test('where nothing works the worker says what it tried', async () => {
  const way = new WorkerLink('http://127.0.0.1:1', nodePlatform(), {
    receive: () => undefined,
    place: () => undefined,
    drained: () => undefined,
    chosen: () => undefined,
    closed: () => undefined,
  });
  const error: unknown = await way.open().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HostUnreachableError);
  expect(String(error)).toMatch(/no WebSocket: .*ECONNREFUSED.*; no request: .*ECONNREFUSED/);
});

test('a request that broke before its answer is sent again, and taken once', async () => {
  const platform = nodePlatform();
  let numBroken = 0;
  let numPosts = 0;
  const { hostEnd, workerSide, facts } = await join(
    { blocksWebSockets: true },
    {
      ...platform,
      request: (url, body) => {
        const request = platform.request?.(url, body);
        if (!request) throw new Error('there are requests');
        if (!body || numBroken === 3 || numPosts++ % 2 === 1) return request;
        numBroken++;
        // The host has taken it all; the answer is lost.
        const response = request.response.then(() => Promise.reject(new Error('reset')));
        return { ...request, response };
      },
    },
  );
  expect(facts()).toEqual({ down: 'https', up: 'https' });
  const sent = Array.from({ length: 6 }, (_, index) => tensor(index, 1000, 'gradient'));
  for (const each of sent) void workerSide.sendTensor(each);
  await hostEnd.have(6);
  expect(numBroken).toBe(3);
  expectSame(hostEnd.tensors, sent);
});

test('a host that does not read bounds what the worker holds, and the other way', async () => {
  const { host, hostSide, workerSide, channel } = await join({ choice: 'websockets' });
  await channel.settle('phone');
  for (const socket of host.connections.keys()) socket.pause();
  const sending = Array.from({ length: 12 }, (_, index) =>
    workerSide.sendTensor(tensor(index, MiB, 'gradient')),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  // Credit for 16 MiB: of twelve tensors of 4 MiB four have left at most.
  const states = await Promise.all(
    sending.map((each) => Promise.race([each.then(() => 'sent'), Promise.resolve('waits')])),
  );
  expect(states.filter((state) => state === 'sent').length).toBeLessThanOrEqual(4);
  expect(hostSide.isOpen).toBe(true);
  for (const socket of host.connections.keys()) socket.resume();
  await Promise.all(sending);
});

test('several tabs have links of their own', async () => {
  const joined = await Promise.all([join(), join(), join()]);
  const settled = await Promise.all(joined.map(({ channel }) => channel.settle('phone')));
  for (const [tab, { hostSide, workerEnd }] of joined.entries()) {
    const sent = [tensor(tab, 5000, 'activation')];
    for (const each of sent) void hostSide.sendTensor(each);
    await workerEnd.have(1);
    expectSame(workerEnd.tensors, sent);
  }
  expect(settled.every((facts) => (facts?.downBytesPerSecond ?? 0) > 0)).toBe(true);
});
