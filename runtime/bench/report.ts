import * as v from 'valibot';
import {
  deviceSchema,
  failureSchema,
  nonNegative,
  parseWith,
  text,
  type DeviceFailure,
} from '../device-report';
import { transports } from '../link/control';
import { directions } from './convolution-case';

/*
 * What a device tells the host of its benchmark: JSON, checked against these schemas before anything
 * is believed or kept. A report is sent again whenever more is known, so that a device that hangs
 * leaves what it found and what it was about to do.
 */

/** A larger report is refused unread: a whole one has about 20 kB. */
export const maxReportBytes = 1 << 18;

const count = v.pipe(nonNegative, v.integer());

/** What multiply-adds and copies reach that do nothing else. */
const peak = v.strictObject({
  gigaflops: nonNegative,
  /** Which of the loops is the fastest. */
  how: text,
  gigabytesPerSecond: nonNegative,
});

const convolution = v.strictObject({
  name: text,
  direction: v.picklist(directions),
  /** How often ResNet-34 has it. */
  count,
  /** Whether its result is what float64 makes; a wrong one is not timed. */
  right: v.boolean(),
  ms: v.optional(nonNegative),
  gigaflops: v.optional(nonNegative),
  /** Of the multiply-adds measured in turns with it. */
  peakShare: v.optional(nonNegative),
});

const convolutions = v.strictObject({
  size: count,
  batch: count,
  measured: v.pipe(v.array(convolution), v.maxLength(200)),
  /** Those for which there was no time left. */
  leftOut: count,
});

const tileChoice = v.strictObject({
  convolution: text,
  direction: v.picklist(directions),
  /** The fastest, one of `tiles`. */
  chosen: text,
  tiles: v.pipe(v.array(v.strictObject({ kernel: text, ms: nonNegative })), v.maxLength(20)),
});

/** One of two or more ways to compute the same. */
const comparison = v.strictObject({ form: text, gigaflops: nonNegative, right: v.boolean() });
const comparisons = v.pipe(v.array(comparison), v.maxLength(10));

const submitStep = v.strictObject({ aimMs: nonNegative, ms: nonNegative });

const submits = v.strictObject({
  /** Those that came back with right numbers. */
  steps: v.pipe(v.array(submitStep), v.maxLength(50)),
  ended: v.picklist(['bound', 'lost', 'hung', 'wrong']),
  /** The length that ended it. */
  atMs: nonNegative,
  detail: v.optional(text),
});

/** The page was hidden while it computed. */
const hiding = v.strictObject({
  hiddenMs: nonNegative,
  /** Submits that came back in that time: none where the page was suspended. */
  submits: count,
  /** Why the device was lost; absent where it was not. */
  lost: v.optional(text),
  /** Whether a device asked for afterwards, or the old one, computes right. */
  worksAgain: v.boolean(),
});

/** A way that the link could take: what carries each direction, and what it moved both ways at once. */
const linkWay = v.strictObject({
  down: v.picklist(transports),
  up: v.picklist(transports),
  downBytesPerSecond: nonNegative,
  upBytesPerSecond: nonNegative,
  /** Whether a run would take it. */
  chosen: v.boolean(),
});

const link = v.strictObject({
  ways: v.pipe(v.array(linkWay), v.maxLength(10)),
  /** Why nothing was measured. */
  why: v.optional(text),
});

const findingsEntries = {
  link: v.optional(link),
  peak: v.optional(peak),
  convolutions: v.optional(convolutions),
  tiles: v.optional(v.pipe(v.array(tileChoice), v.maxLength(200))),
  /** One step an iteration, or many. */
  loops: v.optional(comparisons),
  /** Operands from registers, or through workgroup memory. */
  products: v.optional(comparisons),
  submits: v.optional(submits),
  hiding: v.optional(hiding),
};

const reportSchema = v.strictObject({
  type: v.literal('report'),
  /** The same in all reports of one run. */
  run: v.pipe(v.string(), v.regex(/^[\da-f-]{36}$/, 'expected a UUID')),
  device: deviceSchema,
  software: v.boolean(),
  ms: nonNegative,
  /** `running` as long as more is to come; `broken` when nothing more can. */
  state: v.picklist(['running', 'finished', 'broken']),
  /** What is being done, or what broke it. */
  at: text,
  ...findingsEntries,
});

const messageSchema = v.variant('type', [reportSchema, failureSchema]);

/** What a benchmark has found so far. */
export type Findings = Pick<BenchmarkReport, keyof typeof findingsEntries>;
export type Link = v.InferOutput<typeof link>;
export type Comparison = v.InferOutput<typeof comparison>;
export type MeasuredConvolution = v.InferOutput<typeof convolution>;
export type Convolutions = v.InferOutput<typeof convolutions>;
export type ChosenTile = v.InferOutput<typeof tileChoice>;
export type SubmitStep = v.InferOutput<typeof submitStep>;
export type Submits = v.InferOutput<typeof submits>;
export type Hiding = v.InferOutput<typeof hiding>;
/** A benchmark as it travels and lies on disk. */
export type BenchmarkReport = v.InferOutput<typeof reportSchema>;

/** @throws ReportError when it is none; says where and what was expected */
export function parseBenchmark(json: unknown): BenchmarkReport | DeviceFailure {
  return parseWith(messageSchema, 'benchmark report', json);
}
