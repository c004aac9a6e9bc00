import * as v from 'valibot';
import { modelSchema, optimizerSchema } from '../config-schemas';
import { precisions } from '../engine';
import { failureReasons } from '../worker/status';
import { ProtocolError } from './error';

/*
 * Control messages: JSON text, a union tagged by `type`. Tensors travel as binary frames instead.
 * Both ends check every message against these schemas.
 */

/** Raised when a message or frame changes its meaning; both ends must have the same. */
export const protocolVersion = 1;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const positive = v.pipe(v.number(), v.integer(), v.minValue(1));
const nonNegative = v.pipe(v.number(), v.minValue(0));
const shape = v.pipe(v.array(positive), v.maxLength(8));
const text = v.pipe(v.string(), v.maxLength(2000));
const bytes = v.pipe(v.string(), v.regex(/^[\w-]{1,200}$/));

/** Names and shapes of the state tensors that follow as frames; tensor id = index in this list. */
const manifest = v.pipe(
  v.array(v.strictObject({ name: text, shape: v.pipe(v.array(positive), v.maxLength(8)) })),
  v.maxLength(10_000),
);

/** A stage as it crosses the wire: the model by name and the range of its units. */
const stage = v.strictObject({
  index: count,
  numStages: positive,
  model: modelSchema,
  firstUnit: text,
  lastUnit: text,
  inputShape: shape,
  microBatchSize: positive,
  numMicroBatches: positive,
  maxInFlight: positive,
  /** Whether the schedule has the halves of a backward apart; as if it had where absent. */
  splitsBackward: v.exactOptional(v.boolean()),
  /** Units whose values are computed once more in the backward; kept by all where absent. */
  recompute: v.exactOptional(v.array(text)),
  /** How activations and their gradients are stored on the device; f32 where absent. */
  precision: v.exactOptional(v.picklist(precisions)),
  labelSmoothing: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  optimizer: optimizerSchema,
});

const credit = v.strictObject({
  type: v.literal('credit'),
  class: v.picklist(['pipeline', 'bulk']),
  bytes: positive,
});
const ping = v.strictObject({ type: v.literal('ping') });
const pong = v.strictObject({ type: v.literal('pong') });
const state = v.strictObject({ type: v.literal('state'), step: count, manifest });

/** Worker to host. */
const workerMessage = v.variant('type', [
  /** The first message on a connection. */
  v.strictObject({
    type: v.literal('hello'),
    protocol: count,
    engine: v.picklist(['cpu', 'webgpu']),
    device: text,
    agent: text,
    /** The same on every connection of one worker, and no other's. */
    instance: text,
    /** What the device has for a stage: the largest buffer, and all together where it is known. */
    memory: v.exactOptional(
      v.strictObject({ bufferBytes: positive, totalBytes: v.exactOptional(positive) }),
    ),
    /** How it can store activations; as f32 alone where absent. */
    precisions: v.exactOptional(v.pipe(v.array(v.picklist(precisions)), v.maxLength(8))),
    /** It comes to have its link measured: it gets no stage, but `finished` when that is done. */
    purpose: v.exactOptional(v.literal('measurement')),
  }),
  /** The answer to a challenge: who it is, and the code where it has one; bytes are base64url. */
  v.strictObject({
    type: v.literal('prove'),
    key: bytes,
    signature: bytes,
    code: v.exactOptional(bytes),
  }),
  /** The engine has allocated the stage of the plan. */
  v.strictObject({ type: v.literal('prepared'), plan: count, memoryBytes: count }),
  /** All state tensors have arrived; the stage can take steps. */
  v.strictObject({ type: v.literal('ready'), plan: count }),
  /** The stage has run all actions and the optimizer; results only from the last stage. */
  v.strictObject({
    type: v.literal('step-done'),
    step: count,
    results: v.array(v.strictObject({ loss: v.nullable(v.number()), correct: count })),
    computeMs: nonNegative,
  }),
  v.strictObject({
    type: v.literal('failed'),
    reason: v.picklist(failureReasons),
    message: text,
  }),
  /** The person pressed stop, or the page is going away. */
  v.strictObject({ type: v.literal('leave'), message: text }),
  state,
  credit,
  ping,
  pong,
]);

/** Host to worker. */
const hostMessage = v.variant('type', [
  /** Sent instead of `welcome` where workers must be paired; answered by `prove`. */
  v.strictObject({ type: v.literal('challenge'), nonce: bytes }),
  v.strictObject({ type: v.literal('welcome'), worker: text }),
  /** The host will not work with this worker; it closes the connection after this. */
  v.strictObject({
    type: v.literal('refuse'),
    reason: v.picklist(failureReasons),
    message: text,
  }),
  /** Nothing to do, and why, in words for the page; drops the stage that was loaded. */
  v.strictObject({ type: v.literal('idle'), why: text }),
  /** Allocate a stage; answered by `prepared`. */
  v.strictObject({ type: v.literal('prepare'), plan: count, stage }),
  /** The state tensors that follow belong to the prepared stage; answered by `ready`. */
  v.strictObject({
    type: v.literal('load'),
    plan: count,
    step: count,
    totalSteps: positive,
    manifest,
  }),
  /** Run these actions (`1F0`, …), then the optimizer; answered by `step-done`. */
  v.strictObject({
    type: v.literal('step'),
    step: positive,
    actions: v.pipe(v.array(text), v.maxLength(100_000)),
    learningRate: nonNegative,
  }),
  /** Run this many micro-batches forward with running statistics; answered by output frames. */
  v.strictObject({ type: v.literal('evaluate'), step: count, numMicroBatches: positive }),
  /** Send a copy of the stage's state: a `state` message, then bulk frames. */
  v.strictObject({ type: v.literal('export'), step: count }),
  v.strictObject({ type: v.literal('finished'), message: text }),
  credit,
  ping,
  pong,
]);

type Housekeeping = 'credit' | 'ping' | 'pong';

/** What a worker says, but for what the connection itself takes care of. */
export type WorkerMessage = Exclude<v.InferOutput<typeof workerMessage>, { type: Housekeeping }>;
/** What the host says, but for what the connection itself takes care of. */
export type HostMessage = Exclude<v.InferOutput<typeof hostMessage>, { type: Housekeeping }>;
export type StageAssignment = v.InferOutput<typeof stage>;
export type Manifest = v.InferOutput<typeof manifest>;

/** Checks a text message that a worker sent; throws ProtocolError with code `bad-message`. */
export function parseWorkerMessage(json: string): v.InferOutput<typeof workerMessage> {
  return parse(workerMessage, json);
}

/** Checks a text message that the host sent; throws ProtocolError with code `bad-message`. */
export function parseHostMessage(json: string): v.InferOutput<typeof hostMessage> {
  return parse(hostMessage, json);
}

function parse<Schema extends typeof workerMessage | typeof hostMessage>(
  schema: Schema,
  json: string,
): v.InferOutput<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new ProtocolError('bad-message', `expected a JSON message, got ${quote(json)}`);
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? 'type';
  throw new ProtocolError('bad-message', `${path}: ${issue.message} in ${quote(json)}`);
}

function quote(json: string): string {
  return json.length <= 200 ? json : `${json.slice(0, 200)}…`;
}
