import * as v from 'valibot';
import { ProtocolError } from '../protocol/error';

/*
 * What the two ends of a link tell each other about its lanes: JSON in records of kind `control`.
 * They are not in sequence, so that they pass while the lanes are changed.
 */

/** How many lanes a link can have, of all kinds together. */
export const maxLanes = 8;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const bytesPerSecond = v.pipe(v.number(), v.minValue(0), v.finite());
const laneName = v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,16}$/));
const lanes = v.pipe(v.array(laneName), v.minLength(1), v.maxLength(maxLanes));
/** Simplest first; a stream is for programs, no page can open one. */
export const transports = ['websocket', 'websockets', 'https', 'stream'] as const;
const transport = v.picklist(transports);
/** `auto` takes the fastest that works; another is taken wherever it works. */
export const transportChoices = ['auto', ...transports] as const;

/** What carries each direction, and what it moved when both were measured at once. */
const facts = v.strictObject({
  down: transport,
  up: transport,
  /** Undefined where only one way was open, and so nothing to choose. */
  downBytesPerSecond: v.exactOptional(bytesPerSecond),
  upBytesPerSecond: v.exactOptional(bytesPerSecond),
});

const took = v.strictObject({ type: v.literal('took'), run: count, bytes: count });

const workerControl = v.variant('type', [
  /** The first record on a lane that goes up; the host answers `opened` on a WebSocket. */
  v.strictObject({ type: v.literal('open') }),
  /** Lanes that the two ends send on from now on. */
  v.strictObject({ type: v.literal('use'), down: lanes, up: lanes, facts }),
  /** Send probes on these lanes, and acknowledge those that come, until `probe-stop`. */
  v.strictObject({ type: v.literal('probe'), run: count, down: lanes, up: lanes }),
  v.strictObject({ type: v.literal('probe-stop'), run: count }),
  /** The answer to `measure`: `use` was said. */
  v.strictObject({ type: v.literal('measured') }),
  took,
]);

const hostControl = v.variant('type', [
  v.strictObject({ type: v.literal('opened') }),
  /** Measure the ways that work and choose; answered by `measured`. */
  v.strictObject({
    type: v.literal('measure'),
    transport: v.picklist(transportChoices),
    /** What was chosen when this device was here before: taken without measuring if it is open. */
    known: v.exactOptional(facts),
  }),
  /** The last record of a run on each lane that had probes. */
  v.strictObject({ type: v.literal('probe-stopped'), run: count }),
  took,
]);

export type TransportChoice = (typeof transportChoices)[number];
export type Transport = v.InferOutput<typeof transport>;
export type LinkFacts = v.InferOutput<typeof facts>;
export type WorkerControl = v.InferOutput<typeof workerControl>;
export type HostControl = v.InferOutput<typeof hostControl>;

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

export function encodeControl(message: WorkerControl | HostControl): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(message));
}

/** Checks what a worker says about its lanes; throws ProtocolError `bad-message`. */
export function parseWorkerControl(body: Uint8Array): WorkerControl {
  return parse(workerControl, body);
}

/** Checks what the host says about the lanes; throws ProtocolError `bad-message`. */
export function parseHostControl(body: Uint8Array): HostControl {
  return parse(hostControl, body);
}

function parse<Schema extends typeof workerControl | typeof hostControl>(
  schema: Schema,
  body: Uint8Array,
): v.InferOutput<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(body));
  } catch {
    throw new ProtocolError('bad-message', 'link: expected a JSON message');
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ProtocolError(
    'bad-message',
    `link: ${v.getDotPath(issue) ?? 'type'}: ${issue.message}`,
  );
}
