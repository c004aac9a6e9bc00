import { expect, test } from 'vitest';
import { byteLength, joined, type SendablePieces } from '../protocol/pieces';
import { Link, type Lane } from './link';
import { decodeRecord, encodeRecord } from './record';

/** A lane that keeps what is sent on it, and has that still to send. */
class KeptLane implements Lane {
  readonly name: string;
  readonly sent: string[] = [];
  bytes = 0;
  closed: number | undefined;

  constructor(name: string) {
    this.name = name;
  }

  send(record: SendablePieces): void {
    const { sequence, body } = decodeRecord(joined(record));
    this.sent.push(`${sequence} ${new TextDecoder().decode(joined(body))}`);
    this.bytes += byteLength(record);
  }

  bufferedAmount(): number {
    return this.bytes;
  }

  close(code: number): void {
    this.closed = code;
  }
}

function open(): { link: Link; a: KeptLane; b: KeptLane; heard: string[]; errors: string[] } {
  const heard: string[] = [];
  const errors: string[] = [];
  const link = new Link({
    receive: (message) => void heard.push(String(message)),
    place: () => undefined,
    note: (lane, { kind }) => void heard.push(`${kind} on ${lane.name}`),
    closed: ({ message }) => void errors.push(message),
  });
  const [a, b] = [new KeptLane('a'), new KeptLane('b')];
  link.add(a);
  link.add(b);
  return { link, a, b, heard, errors };
}

function text(sequence: number, message: string): ReturnType<typeof decodeRecord> {
  const body = new TextEncoder().encode(message);
  return decodeRecord(joined(encodeRecord({ kind: 'text', sequence, body: [body] })));
}

test('what is said before there is a lane waits, and then goes where the least waits', () => {
  const { link, a, b } = open();
  link.sendText('one');
  expect([a.sent, b.sent]).toEqual([[], []]);
  link.use(['a', 'b'], ['a']);
  link.sendText('two');
  link.sendText('three');
  expect(a.sent).toEqual(['0 one', '2 three']);
  expect(b.sent).toEqual(['1 two']);
  link.use(['b'], ['a']);
  link.sendText('four');
  expect(b.sent).toEqual(['1 two', '3 four']);
});

test('lanes bring records in any order; what the link says of itself has none', () => {
  const { link, a, b, heard } = open();
  link.use(['a'], ['a', 'b']);
  link.take(b, text(1, 'second'));
  link.take(b, { kind: 'control', sequence: 0, body: [] });
  link.take(a, text(0, 'first'));
  expect(heard).toEqual(['control on b', 'first', 'second']);
});

test('a lane that breaks ends a link that uses it, whichever end does', () => {
  for (const [out, incoming] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    const { link, a, b, errors } = open();
    link.use([out], [incoming]);
    link.lost(a, 'pulled');
    link.lost(b, 'pulled too');
    expect(errors).toEqual(['pulled']);
    expect(b.closed).toBe(1000);
    expect(link.isOpen).toBe(false);
  }
});

test('a lane that nobody sends on may end', () => {
  const { link, a, b, errors } = open();
  link.use(['a'], ['a']);
  link.lost(b, 'pulled');
  link.sendText('on');
  expect(a.sent).toEqual(['0 on']);
  expect(errors).toEqual([]);
});

test('of lanes that the other end closed, the last one ends the link: a goodbye is heard', () => {
  const { link, a, b, heard, errors } = open();
  link.use(['a', 'b'], ['a', 'b']);
  link.lost(a, 'closed', true);
  expect(errors).toEqual([]);
  link.take(b, text(0, 'goodbye'));
  link.lost(b, 'closed', true);
  expect(heard).toEqual(['goodbye']);
  expect(errors).toEqual(['closed']);
});

test('an error of who listens ends the link with it, and later records are not heard', () => {
  const { link, a, errors, heard } = open();
  link.use(['a'], ['a']);
  link.take(a, { kind: 'frame', sequence: 0, body: [Uint8Array.of(1)] });
  expect(() => link.add(new KeptLane('a'))).toThrow("expected one lane 'a', got a second");
  expect(() => link.find(['c'])).toThrow('expected one of the lanes that are open (a, b), got c');
  link.fail(new Error('enough'));
  link.take(a, text(1, 'late'));
  expect(errors).toEqual(['enough']);
  expect(heard).toEqual(['1']);
});
