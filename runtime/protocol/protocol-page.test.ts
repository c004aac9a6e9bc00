import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { lanesOf } from '../link/choice';
import {
  parseHostControl,
  parseWorkerControl,
  transports,
  type HostControl,
  type WorkerControl,
} from '../link/control';
import { decodeRecord, encodeRecord } from '../link/record';
import { joined } from './pieces';
import { failureReasons } from '../worker/status';
import { FrameReceiver, FrameSender, windowBytes, type TrafficClass } from './flow';
import type { ProtocolErrorCode } from './error';
import { decodeFrame, encodeFrame, maxFrameBytes, maxPayloadBytes, type WireTensor } from './frame';
import { parseHostMessage, parseWorkerMessage, protocolVersion } from './message';

/*
 * docs/protocol.md is what somebody writes a worker in another language from. Its examples are
 * parsed out of the page and run through the codec and the schemas.
 */

const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

interface Block {
  readonly info: string;
  readonly text: string;
}

const blocks = [...page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(
  ([, info = '', text = '']): Block => ({ info, text }),
);

/** The bytes before each line's comment, which two spaces set off. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const pairs = text.split('\n').flatMap((line) => (line.split('  ')[0] ?? '').match(/\S+/g) ?? []);
  for (const pair of pairs) expect(pair).toMatch(/^[0-9a-f]{2}$/);
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}

describe('frames', () => {
  const examples = blocks.flatMap(({ info, text }, index) => {
    const next = blocks[index + 1];
    return info === 'hex'
      ? [{ hex: text, json: next?.info === 'json frame' ? next.text : '' }]
      : [];
  });

  test('there is one of each: whole, padded, a chunk', () => {
    expect(examples).toHaveLength(3);
  });

  test.each(examples)('example %#', ({ hex, json }) => {
    const { values, ...header } = JSON.parse(json) as { dtype: string; values: number[] };
    const message = bytesOf(hex);
    const { payload, ...decoded } = decodeFrame([message]);
    expect(decoded).toEqual(header);
    const type = header.dtype === 'i32' ? Int32Array : Float32Array;
    expect([...new type(Uint8Array.from(payload).buffer)]).toEqual(values);
    const own = Uint8Array.from(payload);
    expect(joined(encodeFrame({ ...decoded, payload: own }))).toEqual(message);
  });
});

describe('links', () => {
  test('the record', () => {
    const [example] = blocks.filter(({ info }) => info === 'hex record');
    const bytes = bytesOf(example?.text ?? '');
    const record = decodeRecord(bytes);
    expect(record).toMatchObject({ kind: 'text', sequence: 2 });
    const body = [Uint8Array.from(joined(record.body))];
    expect(new TextDecoder().decode(body[0])).toBe('{"type":"pong"}');
    expect(joined(encodeRecord({ ...record, body }))).toEqual(bytes);
  });

  const messages = blocks.flatMap(({ info, text }) => {
    const [language, ...senders] = info.split(' ');
    if (language !== 'json') return [];
    return senders
      .filter((sender) => sender.startsWith('link-'))
      .map((sender) => ({ sender, text, json: JSON.parse(text) as { type: string } }));
  });

  test.each(messages)('$sender: $json.type', ({ sender, text, json }) => {
    const parse = { 'link-host': parseHostControl, 'link-worker': parseWorkerControl }[sender];
    expect(parse?.(new TextEncoder().encode(text))).toEqual(json);
  });

  test('every message has its example', () => {
    // The types make the compiler list what is missing here.
    const types: {
      'link-host': Record<HostControl['type'], true>;
      'link-worker': Record<WorkerControl['type'], true>;
    } = {
      'link-host': { opened: true, measure: true, 'probe-stopped': true, took: true },
      'link-worker': {
        open: true,
        use: true,
        probe: true,
        'probe-stop': true,
        measured: true,
        took: true,
      },
    };
    for (const sender of ['link-host', 'link-worker'] as const) {
      const shown = messages.filter((message) => message.sender === sender);
      expect(shown.map(({ json }) => json.type).sort()).toEqual(Object.keys(types[sender]).sort());
    }
  });

  test('the lanes are those of the code', () => {
    const named = [...page.matchAll(/`((?:ws-\d|get|post|stream))`/g)].map(([, name]) => name);
    const lanes = transports.flatMap((transport) => [
      ...lanesOf(transport, 'down'),
      ...lanesOf(transport, 'up'),
    ]);
    expect([...new Set(named)].sort()).toEqual([...new Set(lanes)].sort());
  });
});

describe('control messages', () => {
  const messages = blocks.flatMap(({ info, text }) => {
    const [language, ...senders] = info.split(' ');
    if (language !== 'json' || senders.includes('frame') || info.includes('link-')) return [];
    return senders.map((sender) => ({ sender, text, json: JSON.parse(text) as { type: string } }));
  });

  test.each(messages)('$sender: $json.type', ({ sender, text, json }) => {
    const parse = { host: parseHostMessage, worker: parseWorkerMessage }[sender];
    expect(parse?.(text)).toEqual(json);
  });

  test('every message has its example', () => {
    // The types make the compiler list what is missing here.
    const types: {
      host: Record<ReturnType<typeof parseHostMessage>['type'], true>;
      worker: Record<ReturnType<typeof parseWorkerMessage>['type'], true>;
    } = {
      host: {
        credit: true,
        ping: true,
        pong: true,
        challenge: true,
        welcome: true,
        refuse: true,
        idle: true,
        prepare: true,
        load: true,
        step: true,
        evaluate: true,
        export: true,
        finished: true,
      },
      worker: {
        credit: true,
        ping: true,
        pong: true,
        hello: true,
        prove: true,
        prepared: true,
        ready: true,
        'step-done': true,
        state: true,
        failed: true,
        leave: true,
      },
    };
    for (const sender of ['host', 'worker'] as const) {
      const shown = messages
        .filter((message) => message.sender === sender)
        .map(({ json }) => json.type);
      expect([...new Set(shown)].sort()).toEqual(Object.keys(types[sender]).sort());
    }
  });
});

test('the tables name every reason and every error code', () => {
  const codes: Record<ProtocolErrorCode, true> = {
    'bad-message': true,
    'bad-record': true,
    'bad-magic': true,
    'bad-version': true,
    'bad-kind': true,
    'bad-dtype': true,
    'bad-shape': true,
    'bad-chunk': true,
    'bad-credit': true,
    truncated: true,
    oversize: true,
    unexpected: true,
  };
  const named = [...page.matchAll(/^\| `([a-z-]+)` +\|/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual([...failureReasons, ...Object.keys(codes)].sort());
});

test('the numbers are those of the code', () => {
  // Without the spaces that line up the tables.
  const text = page.replaceAll(/ +/g, ' ');
  const grouped = (value: number): string => value.toLocaleString('en-US');
  expect(text).toContain(`# The wire protocol, version ${protocolVersion}\n`);
  expect(text).toContain(`| payload bytes | 1 to ${grouped(maxPayloadBytes)} |`);
  expect(text).toContain(
    `| one control message, a JSON object | ${grouped(maxFrameBytes)} bytes |`,
  );
  expect(text).toContain(`| one frame, a chunk of one tensor | ${grouped(maxFrameBytes)} bytes |`);
  const down = grouped(largestChunk('gradient'));
  const up = grouped(maxPayloadBytes);
  expect(text).toContain(creditRow('pipeline', `${down} down, ${up} up`));
  expect(text).toContain(creditRow('bulk', grouped(largestChunk('state'))));
  expect(text).toContain(`under ${grouped((windowBytes.bulk * 3) / 4)} bytes`);

  function creditRow(trafficClass: TrafficClass, chunks: string): string {
    const window = grouped(windowBytes[trafficClass]);
    return `| ${trafficClass} | ${window} | up to ${chunks} |`;
  }
});

/** What the sender cuts, and the receiver takes. */
function largestChunk(kind: WireTensor['kind']): number {
  const bytes = 5 * 1024 * 1024;
  let largest = 0;
  const receiver = new FrameReceiver({
    grant: (trafficClass, credit) => sender.grant(trafficClass, credit),
  });
  const sender: FrameSender = new FrameSender({
    send: (message) => {
      largest = Math.max(largest, decodeFrame(message).payload.length);
      receiver.receive(message);
    },
  });
  void sender.sendTensor({
    kind,
    step: 1,
    microBatch: 0,
    tensorId: 0,
    shape: [bytes],
    dtype: 'i8',
    data: new Int8Array(bytes),
  });
  return largest;
}
