import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProtocolError } from '../protocol/error';
import { decodeFrame, decodeFrameHeader, encodeFrame } from '../protocol/frame';
import { joined, type SendablePieces } from '../protocol/pieces';
import { decodeRecord, encodeRecord, maxRecordBytes } from './record';
import { RecordReader, type LinkRecord } from './record';

// Bytes of "hi" as text number 258.
const hi = Uint8Array.of(2, 0, 0, 0, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x68, 0x69);

test('a record, byte by byte', () => {
  const body = [Uint8Array.of(0x68, 0x69)];
  expect(joined(encodeRecord({ kind: 'text', sequence: 258, body }))).toEqual(hi);
  expect(decodeRecord(hi)).toEqual({ kind: 'text', sequence: 258, body });
});

test('headers go in one piece, and the payload out of its own memory', () => {
  const payload = new Uint8Array(16);
  const pieces = encodeRecord({ kind: 'frame', sequence: 3, body: frame(0, payload) });
  expect(pieces).toHaveLength(2);
  expect(pieces[0]).toHaveLength(16 + 48);
  expect(pieces[1]).toBe(payload);
  const [body] = decodeRecord(joined(pieces)).body;
  expect(body && decodeFrame([body]).payload).toEqual(payload);
});

test.each([
  ['too short for a header', hi.subarray(0, 15), 'expected a header of 16 bytes, got 15'],
  ['cut', hi.subarray(0, 17), 'expected a body of 2 bytes, got 1'],
  ['with bytes behind it', Uint8Array.of(...hi, 0), 'expected a body of 2 bytes, got 3'],
  ['of kind 0', hi.with(8, 0), 'expected kind 1 to 4, got 0'],
  ['of kind 5', hi.with(8, 5), 'expected kind 1 to 4, got 5'],
  ['of 32 MiB', hi.with(3, 2), 'expected a body of at most 4194368 bytes, got 33554434'],
])('a record %s', (_, bytes, message) => {
  expect(() => decodeRecord(bytes)).toThrow(ProtocolError);
  expect(() => decodeRecord(bytes)).toThrow(`record: ${message}`);
});

/** A frame of values i8 whose tensor is twice as long. */
function frame(microBatch: number, payload: Uint8Array<ArrayBuffer>): SendablePieces {
  return encodeFrame({
    kind: 'gradient',
    dtype: 'i8',
    step: 1,
    microBatch,
    tensorId: 0,
    shape: [2 * payload.length],
    byteOffset: 0,
    payload,
  });
}

/** Takes the stream in pieces of these lengths, and then the rest. */
function takeIn(reader: RecordReader, stream: Uint8Array, lengths: readonly number[]): void {
  let at = 0;
  for (const length of [...lengths, stream.length]) {
    reader.push(stream.subarray(at, at + length));
    at += length;
  }
}

const cuts = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 20 });

test('a stream may be cut anywhere', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  const kinds = fc.constantFrom('text', 'frame', 'control', 'probe');
  fc.assert(
    fc.property(bodies, kinds, cuts, fc.boolean(), (parts, kind, lengths, places) => {
      const sent = parts.map((part, sequence) => ({
        kind,
        sequence,
        body: [Uint8Array.from(part)],
      }));
      const stream = joined(sent.flatMap(encodeRecord));
      const taken: LinkRecord[] = [];
      const reader = new RecordReader({
        take: (record) => taken.push({ ...record, body: [joined(record.body)] }),
        ...(places && { place: () => undefined }),
      });
      takeIn(reader, Uint8Array.from(stream), lengths);
      expect(taken).toEqual(sent);
      expect(reader.isBetweenRecords).toBe(true);
    }),
  );
});

test('payloads go where they belong, and without a place they have memory of their own', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(sizes, cuts, fc.array(fc.boolean()), (lengths, pieces, hasPlace) => {
      const payloads = lengths.map((length, index) => new Uint8Array(16 * length).fill(index + 1));
      const records = payloads.flatMap((payload, sequence) =>
        encodeRecord({ kind: 'frame', sequence, body: frame(sequence, payload) }),
      );
      const memories = payloads.map(({ length }) => new Uint8Array(length));
      const taken: LinkRecord[] = [];
      const reader = new RecordReader({
        take: (record) => taken.push(record),
        place: (start) => {
          const { microBatch, payloadStart } = decodeFrameHeader(start);
          const memory = memories[microBatch];
          return hasPlace[microBatch] && memory ? { payloadStart, memory } : undefined;
        },
      });
      takeIn(reader, joined(records), pieces);
      expect(taken.map(({ body }) => decodeFrame(body).payload)).toEqual(payloads);
      for (const [index, { body }] of taken.entries()) {
        // Up to 64 bytes it is not known yet that more comes; those are no tensors to speak of.
        const isLong = (payloads[index]?.length ?? 0) > 16;
        const isInPlace = body.at(-1)?.buffer === memories[index]?.buffer;
        expect(isInPlace).toBe(isLong && hasPlace[index] === true);
      }
    }),
  );
});

test('a place that is not as long as what comes is not taken', () => {
  const payload = new Uint8Array(64).fill(5);
  const taken: LinkRecord[] = [];
  const memory = new Uint8Array(48);
  const reader = new RecordReader({
    take: (record) => taken.push(record),
    place: () => ({ payloadStart: 48, memory }),
  });
  reader.push(joined(encodeRecord({ kind: 'frame', sequence: 0, body: frame(0, payload) })));
  expect(taken.map(({ body }) => decodeFrame(body).payload)).toEqual([payload]);
  expect(memory).toEqual(new Uint8Array(48));
});

test('a stream that ends within a record says so, and a header alone takes no memory', () => {
  const reader = new RecordReader({ take: () => expect.unreachable() });
  reader.push(hi.subarray(0, 3));
  expect(reader.isBetweenRecords).toBe(false);
  expect(() => reader.push(Uint8Array.of(0xff, ...hi.subarray(4)))).toThrow(
    'record: expected a body of at most 4194368 bytes, got 4278190082',
  );
  expect(maxRecordBytes).toBe(16 + 64 + 4 * 1024 * 1024);
});
