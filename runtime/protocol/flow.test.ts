import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from './error';
import { FrameReceiver, FrameSender, windowBytes, type TrafficClass } from './flow';
import { decodeFrame, encodeFrame, maxPayloadBytes, type WireTensor } from './frame';
import type { Pieces, SendablePieces } from './pieces';

const KiB = 1024;
const MiB = 1024 * KiB;

function tensor(kind: WireTensor['kind'], bytes: number, microBatch = 0): WireTensor {
  const data = new Int8Array(bytes).fill(microBatch + 1);
  return { kind, step: 1, microBatch, tensorId: 0, shape: [bytes], dtype: 'i8', data };
}

/** `gradient 0 @4096 +16`: kind, micro-batch, offset and length of each message. */
function describeMessage(message: Pieces): string {
  const { kind, microBatch, byteOffset, payload } = decodeFrame(message);
  return `${kind} ${microBatch} @${byteOffset / KiB} +${payload.length / KiB}`;
}

/** A sender whose messages are kept; the socket takes them one by one when `isSlow`. */
function socket({ isSlow = false } = {}): {
  sender: FrameSender;
  sent: SendablePieces[];
  /** The socket has room for one more message. */
  drain: () => void;
} {
  const sent: SendablePieces[] = [];
  let room = isSlow ? 0 : Infinity;
  const sender = new FrameSender({
    send: (message, left) => {
      sent.push(message);
      room--;
      left();
    },
    bufferedAmount: () => (room > 0 ? 0 : 1),
    maxBufferedBytes: 0,
  });
  const drain = (): void => {
    room = 1;
    sender.pump();
  };
  return { sender, sent, drain };
}

describe('order', () => {
  test('a gradient waits for one chunk of a checkpoint at most', async () => {
    const { sender, sent, drain } = socket({ isSlow: true });
    const state = sender.sendTensor(tensor('state', 600 * KiB));
    drain();
    const gradient = sender.sendTensor(tensor('gradient', 640 * KiB, 3));
    for (let message = 0; message < 4; message++) drain();
    await Promise.all([state, gradient]);
    expect(sent.map(describeMessage)).toEqual([
      'state 0 @0 +256',
      'gradient 3 @0 +512',
      'gradient 3 @512 +128',
      'state 0 @256 +256',
      'state 0 @512 +88',
    ]);
  });

  test('chunks are as long as the socket likes them', () => {
    const sent: string[] = [];
    const sender = new FrameSender({
      send: (message) => void sent.push(describeMessage(message)),
      chunkBytes: 4 * MiB,
    });
    void sender.sendTensor(tensor('gradient', 5 * MiB));
    expect(sent).toEqual(['gradient 0 @0 +4096', 'gradient 0 @4096 +1024']);
  });

  test('within a class, the order of the calls', () => {
    const { sender, sent } = socket();
    for (const kind of ['activation', 'labels', 'gradient', 'output'] as const) {
      void sender.sendTensor(tensor(kind, KiB));
    }
    expect(sent.map(describeMessage)).toEqual([
      'activation 0 @0 +1',
      'labels 0 @0 +1',
      'gradient 0 @0 +1',
      'output 0 @0 +1',
    ]);
  });

  test('bulk goes on while the pipeline waits for credit', () => {
    const { sender, sent } = socket();
    void sender.sendTensor(tensor('activation', 18 * MiB));
    void sender.sendTensor(tensor('state', KiB));
    expect(sent.map(describeMessage).at(-1)).toBe('state 0 @0 +1');
    expect(sent).toHaveLength(33);
  });
});

describe('credit', () => {
  test('nothing is sent without it', async () => {
    const { sender, sent } = socket();
    let resolved = false;
    const promise = sender.sendTensor(tensor('activation', 22 * MiB)).then(() => (resolved = true));
    expect(sent).toHaveLength(32);
    sender.grant('bulk', 0);
    sender.grant('pipeline', 512 * KiB - 1);
    await Promise.resolve();
    expect(sent).toHaveLength(32);
    expect(resolved).toBe(false);
    sender.grant('pipeline', 1);
    expect(sent.map(describeMessage).at(-1)).toBe('activation 0 @16384 +512');
    sender.grant('pipeline', 6 * MiB - 512 * KiB);
    await promise;
    expect(sent.map(describeMessage).at(-1)).toBe('activation 0 @22016 +512');
  });

  test('more than was sent is refused', () => {
    const { sender } = socket();
    void sender.sendTensor(tensor('gradient', KiB));
    sender.grant('pipeline', 1000);
    expect(() => {
      sender.grant('pipeline', 25);
    }).toThrow('pipeline credit: expected at most the 24 bytes that were sent, got 25');
    expect(() => {
      sender.grant('bulk', 1);
    }).toThrow(ProtocolError);
  });

  test('comes back in sixteenths of the window or by the chunk, before a tensor is whole', () => {
    const { sender, sent } = socket();
    const grants: [TrafficClass, number][] = [];
    const receiver = new FrameReceiver({
      grant: (...credit) => void grants.push(credit),
    });
    void sender.sendTensor(tensor('state', 2 * MiB - 1));
    void sender.sendTensor(tensor('gradient', 6 * MiB));
    for (const message of sent) receiver.receive(message);
    expect(grants).toEqual([
      ...Array.from({ length: 7 }, () => ['bulk', 256 * KiB]),
      ['bulk', 256 * KiB - 1],
      ...Array.from({ length: 6 }, () => ['pipeline', MiB]),
    ]);
  });

  test('a frame sent without it is refused', () => {
    const receiver = new FrameReceiver({ grant: () => undefined });
    const payload = new Uint8Array(maxPayloadBytes);
    const state = { ...tensor('state', maxPayloadBytes), byteOffset: 0, payload };
    expect(() => receiver.receive(encodeFrame(state))).toThrow(
      'state tensor 0 of step 1: expected at most 2097152 bytes, the bulk credit that is left, ' +
        'got 4194304',
    );
  });

  test('there is no place for a frame without it, nor for what is no frame', () => {
    const receiver = new FrameReceiver({ grant: () => undefined });
    const place = (bytes: number): number | undefined => {
      const payload = new Uint8Array(bytes);
      const state = { ...tensor('state', 4 * MiB), byteOffset: 0, payload };
      return receiver.place(encodeFrame(state)[0] ?? payload)?.memory.length;
    };
    expect([2 * MiB + 16, 2 * MiB].map(place)).toEqual([undefined, 2 * MiB]);
    expect(receiver.place(new Uint8Array(64))).toBeUndefined();
  });

  test('an answer from within `send` keeps the order', async () => {
    const received: WireTensor[] = [];
    const sender: FrameSender = new FrameSender({
      send: (message, left) => {
        const whole = receiver.receive(message);
        if (whole) received.push(whole);
        left();
      },
    });
    const receiver = new FrameReceiver({
      grant: (trafficClass, bytes) => {
        sender.grant(trafficClass, bytes);
      },
    });
    const tensors = [tensor('activation', 40 * MiB, 0), tensor('activation', KiB, 1)];
    await Promise.all(tensors.map((each) => sender.sendTensor(each)));
    expect(received.map(({ microBatch, data }) => [microBatch, data.length])).toEqual([
      [0, 40 * MiB],
      [1, KiB],
    ]);
  });
});

test('a tensor has left when no chunk of it is read any more, whatever their order', async () => {
  const reading: (() => void)[] = [];
  const sender = new FrameSender({ send: (_, left) => void reading.push(left) });
  const order: string[] = [];
  const sending = [
    sender.sendTensor(tensor('gradient', MiB)).then(() => order.push('first')),
    sender.sendTensor(tensor('gradient', KiB, 1)).then(() => order.push('second')),
  ];
  expect(reading).toHaveLength(3);
  const heard = async (index: number): Promise<string> => {
    reading[index]?.();
    await new Promise((resolve) => setTimeout(resolve));
    return order.join(' ');
  };
  expect(await heard(1)).toBe('');
  expect(await heard(2)).toBe('second');
  expect(await heard(0)).toBe('second first');
  await Promise.all(sending);
});

test('memory is sent as it is, and shared memory as a copy', () => {
  const sent: SendablePieces[] = [];
  const sender = new FrameSender({ send: (message) => void sent.push(message) });
  const own = tensor('gradient', KiB);
  const shared = new Int8Array(new SharedArrayBuffer(KiB)).fill(5);
  void sender.sendTensor(own);
  void sender.sendTensor({ ...own, dtype: 'i8', data: shared });
  expect(sent[0]?.at(-1)?.buffer).toBe(own.data.buffer);
  expect(sent[1]?.at(-1)?.buffer).not.toBe(shared.buffer);
  expect(sent[1]?.at(-1)).toEqual(new Uint8Array(KiB).fill(5));
});

describe('the end', () => {
  test('what has not left is rejected too', async () => {
    const sender = new FrameSender({ send: () => undefined });
    const sending = sender.sendTensor(tensor('gradient', KiB));
    sender.close(new Error('the phone is gone'));
    await expect(sending).rejects.toThrow('the phone is gone');
  });

  test('what waits is rejected, and all that comes after', async () => {
    const { sender, sent } = socket();
    const first = sender.sendTensor(tensor('activation', KiB));
    const waiting = [
      sender.sendTensor(tensor('activation', 20 * MiB)),
      sender.sendTensor(tensor('gradient', KiB)),
      sender.sendTensor(tensor('state', 4 * MiB)),
    ];
    const numSent = sent.length;
    const lost = new Error('the phone is gone');
    sender.close(lost);
    sender.close(new Error('again'));
    sender.grant('pipeline', 4 * MiB);
    sender.pump();
    await expect(first).resolves.toBeUndefined();
    for (const promise of waiting) await expect(promise).rejects.toBe(lost);
    await expect(sender.sendTensor(tensor('labels', KiB))).rejects.toBe(lost);
    expect(sent).toHaveLength(numSent);
  });

  test('a socket that throws ends the sender', async () => {
    const lost = new Error('not open');
    const sender = new FrameSender({
      send: () => {
        throw lost;
      },
    });
    await expect(sender.sendTensor(tensor('gradient', KiB))).rejects.toBe(lost);
    await expect(sender.sendTensor(tensor('gradient', KiB))).rejects.toBe(lost);
  });

  test('a tensor that no frame can carry is refused, and the next one goes', async () => {
    const { sender, sent } = socket();
    const bad = { ...tensor('gradient', 8), shape: [3, 3] };
    await expect(sender.sendTensor(bad)).rejects.toThrow(
      'gradient of step 1, micro-batch 0: expected 9 bytes for i8 3x3, got 8',
    );
    await expect(sender.sendTensor({ ...bad, shape: [8], step: -1 })).rejects.toThrow(
      'expected step to be a whole number below 2^32, got -1',
    );
    await sender.sendTensor(tensor('gradient', KiB));
    expect(sent.map(describeMessage)).toEqual(['gradient 0 @0 +1']);
  });
});

test('whatever is sent and delivered when, everything arrives and no credit is lost', async () => {
  const sends = fc.record({
    kind: fc.constantFrom('activation', 'gradient', 'state'),
    bytes: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 9 * MiB })),
  });
  const events = fc.array(fc.oneof(sends, fc.constantFrom('message', 'grant')), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(events, async (script) => {
      const wire: SendablePieces[] = [];
      const grants: [TrafficClass, number][] = [];
      const sender = new FrameSender({
        send: (message, left) => {
          wire.push(message);
          left();
        },
      });
      const receiver = new FrameReceiver({ grant: (...credit) => void grants.push(credit) });
      const sent = { pipeline: 0, bulk: 0 };
      const granted = { pipeline: 0, bulk: 0 };
      const arrived: string[] = [];
      let seen = 0;

      const deliver = (): void => {
        const message = wire[seen];
        if (!message) return;
        seen++;
        const whole = receiver.receive(message);
        if (!whole) return;
        arrived.push(`${whole.kind} ${whole.microBatch}`);
        const value = ((whole.microBatch + 1) << 24) >> 24;
        expect(whole.data.some((other) => other !== value)).toBe(false);
      };
      const giveCredit = (): void => {
        const [trafficClass, bytes] = grants.shift() ?? [];
        if (!trafficClass || !bytes) return;
        granted[trafficClass] += bytes;
        sender.grant(trafficClass, bytes);
      };
      let counted = 0;
      const check = (): void => {
        for (; counted < wire.length; counted++) {
          const { kind, payload } = decodeFrame(wire[counted] ?? []);
          sent[kind === 'state' ? 'bulk' : 'pipeline'] += payload.length;
        }
        for (const trafficClass of ['pipeline', 'bulk'] as const) {
          const outstanding = sent[trafficClass] - granted[trafficClass];
          expect(outstanding).toBeGreaterThanOrEqual(0);
          expect(outstanding).toBeLessThanOrEqual(windowBytes[trafficClass]);
        }
      };

      const promises: Promise<void>[] = [];
      const expected: string[] = [];
      for (const event of script) {
        if (event === 'message') deliver();
        else if (event === 'grant') giveCredit();
        else {
          const index = promises.length;
          promises.push(sender.sendTensor(tensor(event.kind, event.bytes, index)));
          expected.push(`${event.kind} ${index}`);
        }
        check();
      }
      while (seen < wire.length || grants.length > 0) {
        deliver();
        giveCredit();
        check();
      }
      await Promise.all(promises);
      expect(arrived.toSorted()).toEqual(expected.toSorted());
      for (const trafficClass of ['pipeline', 'bulk'] as const) {
        // What the receiver has not given back yet is less than a sixteenth of the window.
        expect(sent[trafficClass] - granted[trafficClass]).toBeLessThan(
          windowBytes[trafficClass] / 16,
        );
      }
    }),
    { numRuns: 30 },
  );
});
