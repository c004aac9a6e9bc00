import * as v from 'valibot';
import {
  deviceSchema,
  failureSchema,
  nonNegative,
  parseWith,
  text,
  type DeviceFailure,
} from '../device-report';
import { caseSets } from './case-set';
import { passes, type CaseResult } from './run';

/*
 * What a device tells the host of its verification: JSON, checked against these schemas before
 * anything is believed or kept.
 */

/** A larger report is refused unread: a full one has about 150 kB. */
export const maxReportBytes = 1 << 20;

/** JSON has no infinity: null stands for an error that is no number. */
const error = v.nullable(nonNegative);

const caseResult = v.strictObject({
  op: text,
  shape: text,
  against: v.picklist(['float64', 'PyTorch']),
  comparisons: v.pipe(
    v.array(v.strictObject({ result: text, maxAbs: error, meanAbs: error })),
    v.maxLength(200),
  ),
  error: v.optional(text),
  ms: nonNegative,
});

const reportSchema = v.strictObject({
  type: v.literal('report'),
  device: deviceSchema,
  set: v.picklist(caseSets),
  ms: nonNegative,
  cases: v.pipe(v.array(caseResult), v.minLength(1), v.maxLength(5000)),
});

const messageSchema = v.variant('type', [reportSchema, failureSchema]);

/** A whole verification, as it travels and lies on disk. */
export type VerificationReport = v.InferOutput<typeof reportSchema>;

/** @throws ReportError when it is none; says where and what was expected */
export function parseReport(json: unknown): VerificationReport | DeviceFailure {
  return parseWith(messageSchema, 'verification report', json);
}

/** A result as it stands in a report. */
export function toReported(result: CaseResult): VerificationReport['cases'][number] {
  return {
    ...result,
    comparisons: result.comparisons.map((comparison) => ({
      ...comparison,
      maxAbs: finiteOrNull(comparison.maxAbs),
      meanAbs: finiteOrNull(comparison.meanAbs),
    })),
  };
}

function fromReported({
  error: words,
  ...result
}: VerificationReport['cases'][number]): CaseResult {
  return {
    ...result,
    ...(words !== undefined && { error: words }),
    comparisons: result.comparisons.map((comparison) => ({
      ...comparison,
      maxAbs: comparison.maxAbs ?? Infinity,
      meanAbs: comparison.meanAbs ?? Infinity,
    })),
  };
}

/** A report's results, errors that are no numbers infinite again. */
export function resultsOf({ cases }: VerificationReport): CaseResult[] {
  return cases.map(fromReported);
}

/** The line that `tandem verify --json` ends with. */
export interface VerificationResult {
  readonly device: string;
  readonly cases: number;
  /** How many cases did not run to their end with every error below the bound. */
  readonly failed: number;
  /** Each operation's result that is furthest off, the worst first; null is no number. */
  readonly worst: readonly {
    readonly op: string;
    readonly shape: string;
    /** Which result of the operation. */
    readonly result: string;
    readonly maxAbs: number | null;
    readonly meanAbs: number | null;
  }[];
}

export function verificationResult(
  device: string,
  results: readonly CaseResult[],
): VerificationResult {
  const worst = new Map<string, VerificationResult['worst'][number] & { key: number }>();
  for (const { op, shape, comparisons, error: words } of results) {
    const rows = words === undefined ? comparisons : [{ ...broken, result: words }];
    for (const { result, maxAbs, meanAbs } of rows) {
      if (maxAbs < (worst.get(op)?.key ?? -1)) continue;
      const errors = { maxAbs: finiteOrNull(maxAbs), meanAbs: finiteOrNull(meanAbs) };
      worst.set(op, { op, shape, result, ...errors, key: maxAbs });
    }
  }
  return {
    device,
    cases: results.length,
    failed: results.filter((result) => !passes(result)).length,
    worst: [...worst.values()]
      .sort((a, b) => b.key - a.key)
      .map(({ op, shape, result, maxAbs, meanAbs }) => ({ op, shape, result, maxAbs, meanAbs })),
  };
}

/** Stands for a case that threw. */
const broken = { maxAbs: Infinity, meanAbs: Infinity };

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
