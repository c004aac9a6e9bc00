import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError, type ProtocolErrorCode } from './error';
import { decodeFrame, encodeFrame, maxFrameBytes, maxPayloadBytes, type Frame } from './frame';
import { joined } from './pieces';

/** The message in one piece. */
function encode(frame: Frame): Uint8Array {
  return joined(encodeFrame({ ...frame, payload: Uint8Array.from(frame.payload) }));
}

function decode(message: Uint8Array): Frame {
  return decodeFrame([message]);
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.trim().split(/\s+/), (byte) => parseInt(byte, 16));
}

/** The code of the error, so that a test fails on any error that is not the protocol's. */
function codeOf(run: () => unknown): ProtocolErrorCode {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  throw new Error('nothing was thrown');
}

// The gradient of step 258, micro-batch 3: f32 1x2x1x2, values 1, -2, 0.5, 3.
const gradientBytes = bytes(`
  54 4e 44 4d 01 02 01 04 02 01 00 00 03 00 00 00
  00 00 00 00 10 00 00 00 00 00 00 00 10 00 00 00
  01 00 00 00 02 00 00 00 01 00 00 00 02 00 00 00
  00 00 80 3f 00 00 00 c0 00 00 00 3f 00 00 40 40
`);
const gradient: Frame = {
  kind: 'gradient',
  dtype: 'f32',
  step: 258,
  microBatch: 3,
  tensorId: 0,
  shape: [1, 2, 1, 2],
  byteOffset: 0,
  payload: gradientBytes.subarray(48),
};

// The second chunk of state tensor 7 of step 2: f32 with 6 values; 16 bytes came before.
const chunkBytes = bytes(`
  54 4e 44 4d 01 04 01 01 02 00 00 00 00 00 00 00
  07 00 00 00 18 00 00 00 10 00 00 00 08 00 00 00
  06 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
  00 00 a0 40 00 00 c0 40
`);
const chunk: Frame = {
  kind: 'state',
  dtype: 'f32',
  step: 2,
  microBatch: 0,
  tensorId: 7,
  shape: [6],
  byteOffset: 16,
  payload: chunkBytes.subarray(48),
};

/** The message with some bytes replaced. */
function withBytes(message: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const changed = Uint8Array.from(message);
  changed.set(values, at);
  return changed;
}

test.each([
  ['a whole tensor', gradient, gradientBytes],
  ['a chunk', chunk, chunkBytes],
])('%s', (_name, frame, message) => {
  expect(encode(frame)).toEqual(message);
  expect(decode(message)).toEqual(frame);
});

test('the payload is a view of the message, at a multiple of 16 bytes', () => {
  const { payload } = decode(gradientBytes);
  expect(payload.buffer).toBe(gradientBytes.buffer);
  expect(payload.byteOffset).toBe(48);
  expect([...new Float32Array(payload.buffer, payload.byteOffset, 4)]).toEqual([1, -2, 0.5, 3]);
});

test('a payload is sent out of its own memory', () => {
  const payload = new Uint8Array(16);
  const [header, sent, ...more] = encodeFrame({ ...gradient, payload });
  expect(header).toHaveLength(48);
  expect(sent).toBe(payload);
  expect(more).toEqual([]);
});

test.each([
  ['activation', 1],
  ['gradient', 2],
  ['labels', 3],
  ['state', 4],
  ['output', 5],
] as const)('kind %s is %d', (kind, code) => {
  expect(encode({ ...gradient, kind })[5]).toBe(code);
  expect(decode(withBytes(gradientBytes, 5, code)).kind).toBe(kind);
});

test.each([
  ['f32', 1, [4]],
  ['f16', 2, [8]],
  ['i8', 3, [16]],
  ['i32', 4, [2, 2]],
] as const)('dtype %s is %d', (dtype, code, shape) => {
  const message = encode({ ...gradient, dtype, shape });
  expect(message[6]).toBe(code);
  expect(decode(message)).toMatchObject({ dtype, shape });
});

test.each([
  [0, 32, [], 4],
  [4, 48, [1, 1, 1, 1], 4],
  [5, 64, [1, 1, 1, 1, 1], 4],
  [8, 64, [1, 1, 1, 1, 1, 1, 1, 1], 4],
])('a tensor of rank %d has a header of %d bytes', (_rank, headerBytes, shape, payloadBytes) => {
  const message = encode({ ...gradient, shape, payload: new Uint8Array(payloadBytes) });
  expect(message.length).toBe(headerBytes + payloadBytes);
  expect(decode(message).shape).toEqual(shape);
});

test('the largest frame', () => {
  const payload = new Uint8Array(maxPayloadBytes).fill(7);
  const shape = [1, 1, 1, 1, 1, 1, 1, maxPayloadBytes];
  const message = encode({ ...gradient, dtype: 'i8', shape, payload });
  expect(message.length).toBe(maxFrameBytes);
  expect(maxFrameBytes).toBe(4_194_368);
  expect(decode(message).payload.length).toBe(maxPayloadBytes);
});

describe('refused', () => {
  test('a message cut anywhere', () => {
    for (const message of [gradientBytes, chunkBytes]) {
      for (let length = 0; length < message.length; length++) {
        expect(codeOf(() => decode(message.subarray(0, length)))).toBe('truncated');
      }
    }
  });

  test('a message of one byte more', () => {
    expect(codeOf(() => decode(Uint8Array.of(...gradientBytes, 0)))).toBe('oversize');
  });

  test('a payload by itself that is not as long as its header says', () => {
    const [header, payload] = [gradientBytes.subarray(0, 48), gradientBytes.subarray(48)];
    expect(codeOf(() => decodeFrame([header, payload.subarray(1)]))).toBe('truncated');
    expect(codeOf(() => decodeFrame([header, gradientBytes]))).toBe('oversize');
    expect(codeOf(() => decodeFrame([]))).toBe('truncated');
  });

  test.each<[ProtocolErrorCode, string, number, number[], string]>([
    ['bad-magic', 'magic', 0, [0x7b], "expected magic 54 4e 44 4d ('TNDM'), got 7b 4e 44 4d"],
    ['bad-version', 'version', 4, [2], 'expected version 1, got 2'],
    ['bad-kind', 'kind 0', 5, [0], 'expected kind 1 (activation), 2 (gradient), 3 (labels)'],
    ['bad-kind', 'kind 6', 5, [6], 'got 6'],
    ['bad-dtype', 'dtype 0', 6, [0], 'expected dtype 1 (f32), 2 (f16), 3 (i8), 4 (i32), got 0'],
    ['bad-dtype', 'dtype 5', 6, [5], 'got 5'],
    ['bad-shape', 'rank 9', 7, [9], 'expected rank 0 to 8, got 9'],
    ['bad-shape', 'a size of 0', 36, [0], 'step 258, micro-batch 3: expected at most 8 sizes'],
    [
      'bad-shape',
      'a total that is not the shape',
      20,
      [32],
      'expected 16 bytes for f32 1x2x1x2, got 32',
    ],
    ['bad-shape', 'a dtype that is not the total', 6, [2], 'bytes for f16 1x2x1x2, got 16'],
    ['oversize', 'a shape of 4 GiB', 34, [0, 0x20], 'expected less than 4 GiB, got 8589934608'],
    ['oversize', 'a payload above 4 MiB', 28, [1, 0, 0x40, 0], 'expected a payload of at most'],
    ['bad-chunk', 'no payload', 28, [0], 'that is not empty'],
    ['bad-chunk', 'an offset out of line', 24, [8], 'expected a chunk at a multiple of 16 bytes'],
    ['bad-chunk', 'a chunk behind the end', 24, [16], 'expected a chunk that ends at'],
  ])('%s: %s', (code, _name, at, values, message) => {
    let changed = withBytes(gradientBytes, at, ...values);
    if (values.length === 1 && at === 28) changed = changed.subarray(0, 48);
    if (at === 6 && code === 'bad-shape') changed = withBytes(changed, 28, 8).subarray(0, 56);
    expect(codeOf(() => decode(changed))).toBe(code);
    expect(() => decode(changed)).toThrow(message);
  });

  test('a chunk that is neither the last nor ends at a multiple of 16', () => {
    const payload = new Uint8Array(20);
    expect(codeOf(() => encode({ ...chunk, byteOffset: 0, payload }))).toBe('bad-chunk');
    const whole = encode({ ...chunk, byteOffset: 0, payload: new Uint8Array(16) });
    const cut = withBytes(whole, 28, 12).subarray(0, 60);
    expect(codeOf(() => decode(cut))).toBe('bad-chunk');
  });

  test.each<[string, Partial<Frame>, ProtocolErrorCode]>([
    ['a negative step', { step: -1 }, 'unexpected'],
    ['a broken micro-batch', { microBatch: 1.5 }, 'unexpected'],
    ['a tensor id of 33 bits', { tensorId: 2 ** 32 }, 'unexpected'],
    ['a size of 0', { shape: [4, 0] }, 'bad-shape'],
    ['rank 9', { shape: [1, 1, 1, 1, 1, 1, 1, 1, 4] }, 'bad-shape'],
    ['a tensor of 4 GiB', { shape: [2 ** 30] }, 'oversize'],
    ['no payload', { payload: new Uint8Array(0) }, 'bad-chunk'],
    [
      'a payload above 4 MiB',
      { payload: new Uint8Array(maxPayloadBytes + 16), shape: [2 ** 21] },
      'oversize',
    ],
  ])('by the sender: %s', (_name, fields, code) => {
    expect(codeOf(() => encode({ ...gradient, ...fields }))).toBe(code);
  });
});

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const frames = fc
  .record({
    kind: fc.constantFrom('activation', 'gradient', 'labels', 'state', 'output'),
    dtype: fc.constantFrom('f32', 'f16', 'i8', 'i32'),
    step: u32,
    microBatch: u32,
    tensorId: u32,
    shape: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 8 }),
    cut: fc.tuple(fc.nat(), fc.nat()),
    fill: fc.nat({ max: 255 }),
  })
  .map(({ cut: [from, to], fill, ...header }): Frame => {
    const size = { f32: 4, f16: 2, i8: 1, i32: 4 }[header.dtype];
    const totalBytes = header.shape.reduce((product, axis) => product * axis, size);
    const byteOffset = 16 * (from % Math.ceil(totalBytes / 16));
    const end = Math.min(totalBytes, byteOffset + 16 * (1 + (to % 1000)));
    const payload = new Uint8Array(end - byteOffset).fill(fill);
    return { ...header, byteOffset, payload } as const;
  });

test('any frame comes back as it was, from any place of a larger buffer', () => {
  fc.assert(
    fc.property(frames, fc.nat({ max: 40 }), (frame, before) => {
      const message = encode(frame);
      const buffer = new Uint8Array(before + message.length + 9);
      buffer.set(message, before);
      const whole = buffer.subarray(before, before + message.length);
      expect(decode(whole)).toEqual(frame);
      const payloadStart = whole.length - frame.payload.length;
      const pieces = [whole.subarray(0, payloadStart), whole.subarray(payloadStart)];
      expect(decodeFrame(pieces)).toEqual(frame);
    }),
  );
});

test('whatever bytes come, there is a frame or an error of the protocol', () => {
  const outcomes = new Set<string>();
  const changes = fc.array(fc.tuple(fc.nat({ max: 47 }), fc.nat({ max: 255 })), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(changes, (pairs) => {
      const message = Uint8Array.from(gradientBytes);
      for (const [at, value] of pairs) message[at] = value;
      let frame: Frame;
      try {
        frame = decode(message);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        outcomes.add((error as ProtocolError).code);
        return;
      }
      outcomes.add('frame');
      expect(decode(encode(frame))).toEqual(frame);
    }),
    { numRuns: 2000 },
  );
  expect([...outcomes]).toEqual(expect.arrayContaining(['frame', 'bad-magic', 'bad-shape']));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (message) => {
      expect(['truncated', 'bad-magic']).toContain(codeOf(() => decode(message)));
    }),
  );
});
