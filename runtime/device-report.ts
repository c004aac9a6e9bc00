import * as v from 'valibot';
import { printable } from './printable';
import { failureReasons } from './worker/status';

/* What all reports that a page posts to the host have in common. */

export const text = v.pipe(v.string(), v.maxLength(2000), v.transform(printable));
export const nonNegative = v.pipe(v.number(), v.finite(), v.minValue(0));

export const deviceSchema = v.strictObject({
  name: text,
  limits: v.pipe(v.record(text, nonNegative), v.maxEntries(100)),
  agent: text,
});

/** A device, its limits, and the browser or program that speaks for it. */
export type DeviceDescription = v.InferOutput<typeof deviceSchema>;

export const failureSchema = v.strictObject({
  type: v.literal('failure'),
  reason: v.picklist(failureReasons),
  detail: text,
  agent: text,
});

/** A device that could not do what its page is for. */
export type DeviceFailure = v.InferOutput<typeof failureSchema>;

/** What came to the host is no report. */
export class ReportError extends Error {
  override readonly name = 'ReportError';
}

/**
 * @param what names the report in the error
 * @throws ReportError when it is none; says where and what was expected
 */
export function parseWith<const Schema extends v.GenericSchema>(
  schema: Schema,
  what: string,
  json: unknown,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new ReportError(`${what}, ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`);
}
