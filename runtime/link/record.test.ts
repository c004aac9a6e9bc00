import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProtocolError } from '../protocol/error';
import { encodeFrame } from '../protocol/frame';
import { decodeRecord, encodeRecord, maxRecordBytes, recordHeaderBytes } from './record';
import { RecordReader, type LinkRecord } from './record';

// Bytes of "hi" as text number 258.
const hi = Uint8Array.of(2, 0, 0, 0, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x68, 0x69);

test('a record, byte by byte', () => {
  const record: LinkRecord = { kind: 'text', sequence: 258, body: Uint8Array.of(0x68, 0x69) };
  expect(encodeRecord(record)).toEqual(hi);
  expect(decodeRecord(hi)).toEqual(record);
});

test('a frame with room before it is not copied, and any other is', () => {
  const payload = Uint8Array.of(1, 2, 3, 4);
  const frame = {
    kind: 'gradient',
    dtype: 'f32',
    step: 1,
    microBatch: 0,
    tensorId: 0,
    shape: [1],
    byteOffset: 0,
    payload,
  } as const;
  const roomy = encodeFrame(frame, recordHeaderBytes);
  const tight = encodeFrame(frame);
  expect(roomy).toEqual(tight);
  const records = [roomy, tight].map((body) => encodeRecord({ kind: 'frame', sequence: 3, body }));
  expect(records[0]).toEqual(records[1]);
  expect(records[0]?.buffer).toBe(roomy.buffer);
  expect(records[1]?.buffer).not.toBe(tight.buffer);
  expect(decodeRecord(records[0] ?? hi).body.buffer).toBe(roomy.buffer);
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

test('a stream may be cut anywhere', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  const cuts = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 20 });
  fc.assert(
    fc.property(bodies, cuts, (parts, lengths) => {
      const sent = parts.map((body, sequence): LinkRecord => ({ kind: 'frame', sequence, body }));
      const stream = Uint8Array.from(sent.flatMap((record) => [...encodeRecord(record)]));
      const taken: LinkRecord[] = [];
      const reader = new RecordReader((record) => taken.push(record));
      let at = 0;
      for (const length of [...lengths, stream.length]) {
        reader.push(stream.subarray(at, at + length));
        at += length;
      }
      expect(taken).toEqual(sent);
      expect(reader.isBetweenRecords).toBe(true);
    }),
  );
});

test('a stream that ends within a record says so, and a header alone takes no memory', () => {
  const reader = new RecordReader(() => expect.unreachable());
  reader.push(hi.subarray(0, 3));
  expect(reader.isBetweenRecords).toBe(false);
  expect(() => reader.push(Uint8Array.of(0xff, ...hi.subarray(4)))).toThrow(
    'record: expected a body of at most 4194368 bytes, got 4278190082',
  );
  expect(maxRecordBytes).toBe(16 + 64 + 4 * 1024 * 1024);
});
