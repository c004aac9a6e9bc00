import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Assembler, defaultMaxTensorBytes } from './assembler';
import { ProtocolError, type ProtocolErrorCode } from './error';
import { decodeFrame, encodeFrame, type Frame } from './frame';
import type { FrameHeader, WireTensor } from './frame';
import { joined } from './pieces';

const tensor = {
  kind: 'activation',
  dtype: 'f32',
  step: 5,
  microBatch: 2,
  tensorId: 0,
  shape: [2, 6],
} as const;

/** A frame of the 12 values 0 … 11 as the receiver sees it: a view of a message. */
function chunk(from: number, to: number, fields: Partial<Frame> = {}): Frame {
  const values = Float32Array.from({ length: to - from }, (_, index) => from + index);
  const frame = {
    ...tensor,
    byteOffset: 4 * from,
    payload: new Uint8Array(values.buffer),
    ...fields,
  } as const;
  const payload = Uint8Array.from(frame.payload);
  return decodeFrame([joined(encodeFrame({ ...frame, payload }))]);
}

/** The chunk as it comes where the receiver asked for its place: in that, if there is one. */
function received(chunks: Assembler, frame: Frame): Frame {
  const memory = chunks.place(headerOf(frame));
  memory?.set(frame.payload);
  return memory ? { ...frame, payload: memory } : frame;
}

function headerOf({ payload, ...fields }: Frame): FrameHeader {
  return { ...fields, payloadStart: 48, payloadBytes: payload.length };
}

const assembled = {
  ...tensor,
  data: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
};

function assembler(): Assembler {
  return new Assembler(defaultMaxTensorBytes);
}

function expectError(run: () => unknown, code: ProtocolErrorCode, message: string): void {
  expect(run).toThrow(ProtocolError);
  expect(run).toThrow(expect.objectContaining({ code }));
  expect(run).toThrow(message);
}

test('a tensor of one chunk is a view of its message', () => {
  const frame = chunk(0, 12);
  const tensor = assembler().add(frame);
  expect(tensor).toEqual(assembled);
  expect(tensor?.data.buffer).toBe(frame.payload.buffer);
});

test('a tensor out of line in its buffer is copied', () => {
  const frame = chunk(0, 12);
  const buffer = new Uint8Array(49);
  buffer.set(frame.payload, 1);
  const tensor = assembler().add({ ...frame, payload: buffer.subarray(1) });
  expect(tensor).toEqual(assembled);
  expect(tensor?.data.buffer).not.toBe(buffer.buffer);
});

test('chunks become one tensor, and then the next one', () => {
  const chunks = assembler();
  for (let round = 0; round < 2; round++) {
    expect(chunks.add(chunk(0, 4))).toBeUndefined();
    expect(chunks.add(chunk(4, 8))).toBeUndefined();
    expect(chunks.add(chunk(8, 12))).toEqual(assembled);
  }
});

describe('in place', () => {
  test('chunks that were received in their places are copied no more', () => {
    const chunks = assembler();
    const parts = [chunk(0, 4), chunk(4, 8), chunk(8, 12)].map((part) => received(chunks, part));
    const tensors = parts.map((part) => chunks.add(part));
    expect(tensors).toEqual([undefined, undefined, assembled]);
    const buffers = parts.map(({ payload }) => payload.buffer);
    expect(new Set([...buffers, tensors[2]?.data.buffer]).size).toBe(1);
    expect(parts.map(({ payload }) => payload.byteOffset)).toEqual([0, 16, 32]);
  });

  test('later ones may come first, and tensors may overlap', () => {
    const chunks = assembler();
    const next = { microBatch: 3 };
    const last = received(chunks, chunk(4, 12));
    const other = received(chunks, chunk(0, 12, next));
    const first = received(chunks, chunk(0, 4));
    expect(chunks.add(first)).toBeUndefined();
    expect(chunks.add(last)?.data.buffer).toBe(first.payload.buffer);
    const tensor = chunks.add(other);
    expect(tensor).toEqual({ ...assembled, ...next });
    expect(tensor?.data.buffer).toBe(other.payload.buffer);
  });

  test('some in their places, others not', () => {
    const chunks = assembler();
    const last = received(chunks, chunk(8, 12));
    expect(chunks.add(chunk(0, 4))).toBeUndefined();
    expect(chunks.add(received(chunks, chunk(4, 8)))).toBeUndefined();
    const tensor = chunks.add(last);
    expect(tensor).toEqual(assembled);
    expect(tensor?.data.buffer).toBe(last.payload.buffer);
  });

  test('a place is given once: a second one that claims it is copied', () => {
    const chunks = assembler();
    const first = received(chunks, chunk(0, 4));
    expect(chunks.place(headerOf(chunk(0, 4)))).toBeUndefined();
    chunks.add(first);
    expect(chunks.add(chunk(4, 12))).toEqual(assembled);
  });

  test('a chunk that comes again before it came whole: what is late writes to no tensor', () => {
    const chunks = assembler();
    chunks.add(received(chunks, chunk(0, 4)));
    const late = chunks.place(headerOf(chunk(4, 8)));
    expect(chunks.add(chunk(4, 8))).toBeUndefined();
    const tensor = chunks.add(received(chunks, chunk(8, 12)));
    late?.fill(77);
    expect(tensor).toEqual(assembled);
    expect(tensor?.data.buffer).not.toBe(late?.buffer);
  });

  test('what was added has no place any more, nor what is too large', () => {
    const chunks = assembler();
    chunks.add(chunk(0, 8));
    expect(chunks.place(headerOf(chunk(4, 8)))).toBeUndefined();
    expect(chunks.place(headerOf(chunk(8, 12)))).toHaveLength(16);
    const huge = headerOf(chunk(0, 4, { shape: [2 ** 30 - 1] }));
    expect(assembler().place(huge)).toBeUndefined();
  });

  test('of tensors that never come four are kept at most; one let go comes whole all the same', () => {
    const chunks = assembler();
    const early = received(chunks, chunk(0, 8));
    for (let microBatch = 3; microBatch < 7; microBatch++) {
      received(chunks, chunk(0, 8, { microBatch }));
    }
    expect(chunks.add(early)).toBeUndefined();
    const tensor = chunks.add(chunk(8, 12));
    expect(tensor).toEqual(assembled);
    expect(tensor?.data.buffer).not.toBe(early.payload.buffer);
  });
});

test('memory that was given back is received into, and nothing of what was there stays', () => {
  const chunks = assembler();
  const add = (fields: Partial<Frame> = {}): WireTensor => {
    chunks.add(chunk(0, 4, fields));
    const tensor = chunks.add(chunk(4, 12, fields));
    if (!tensor) throw new Error('it is whole');
    return tensor;
  };
  const first = add();
  const second = add();
  expect(second.data.buffer).not.toBe(first.data.buffer);
  first.data.fill(77);
  chunks.giveBack(first.data);
  const third = add();
  expect(third).toEqual(assembled);
  expect(third.data.buffer).toBe(first.data.buffer);
  // A tensor that came in one message is a part of that.
  const view = chunks.add(chunk(0, 12));
  if (view) chunks.giveBack(view.data);
  expect(add().data.buffer).not.toBe(view?.data.buffer);
});

test.each([
  ['f16', Uint16Array, 24],
  ['i8', Int8Array, 48],
  ['i32', Int32Array, 12],
] as const)('%s values', (dtype, type, length) => {
  const tensor = assembler().add(chunk(0, 12, { dtype, shape: [length] }));
  expect(tensor?.data).toBeInstanceOf(type);
  expect(tensor?.data).toHaveLength(length);
});

test('a first chunk that does not start at 0', () => {
  expectError(
    () => assembler().add(chunk(4, 8)),
    'bad-chunk',
    'activation of step 5, micro-batch 2: expected the chunk at byte 0, ' +
      'got the one at 16, which leaves a gap',
  );
});

test('a gap', () => {
  const chunks = assembler();
  chunks.add(chunk(0, 4));
  expectError(() => chunks.add(chunk(8, 12)), 'bad-chunk', 'got the one at 32, which leaves a gap');
});

test('a chunk that comes twice', () => {
  const chunks = assembler();
  chunks.add(chunk(0, 8));
  expectError(
    () => chunks.add(chunk(4, 8)),
    'bad-chunk',
    'expected the chunk at byte 32, got the one at 16, which came already',
  );
});

test.each<[Partial<Frame>, string]>([
  [{ kind: 'gradient' }, 'gradient of step 5, micro-batch 2 (f32 2x6)'],
  [{ step: 6 }, 'activation of step 6, micro-batch 2 (f32 2x6)'],
  [{ microBatch: 1 }, 'activation of step 5, micro-batch 1 (f32 2x6)'],
  [{ tensorId: 1 }, 'activation of step 5, micro-batch 2 (f32 2x6)'],
  [{ dtype: 'i32' }, 'activation of step 5, micro-batch 2 (i32 2x6)'],
  [{ shape: [6, 2] }, 'activation of step 5, micro-batch 2 (f32 6x2)'],
])('a chunk of another tensor in between: %j', (fields, other) => {
  const chunks = assembler();
  chunks.add(chunk(0, 4));
  expectError(
    () => chunks.add(chunk(4, 8, fields)),
    'bad-chunk',
    `expected the next chunk of activation of step 5, micro-batch 2 (f32 2x6), got one of ${other}`,
  );
});

test('a tensor above the limit, before any memory is taken', () => {
  expectError(
    () => new Assembler(47).add(chunk(0, 4)),
    'oversize',
    'activation of step 5, micro-batch 2: expected at most 47 bytes, got 48 for f32 2x6',
  );
  expect(new Assembler(48).add(chunk(0, 12))).toEqual(assembled);
  // 4 GiB are declared; allocating them would fail here, or take long.
  const huge = chunk(0, 4, { shape: [2 ** 30 - 1] });
  expectError(() => assembler().add(huge), 'oversize', 'at most 1073741824 bytes');
});

test('any cut at multiples of 16 bytes gives the tensor', () => {
  const values = Float32Array.from({ length: 101 }, (_, index) => index / 7);
  const all = new Uint8Array(values.buffer);
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 25 })), (cuts) => {
      const ends = [...cuts.map((cut) => 16 * cut).sort((a, b) => a - b), all.length];
      const chunks = assembler();
      const results = ends.map((end, index) => {
        const byteOffset = ends[index - 1] ?? 0;
        const payload = all.subarray(byteOffset, end);
        return chunks.add(chunk(0, 0, { shape: [101], byteOffset, payload }));
      });
      expect(results.slice(0, -1).every((result) => result === undefined)).toBe(true);
      expect(results.at(-1)?.data).toEqual(values);
    }),
  );
});
