import { DeviceLostError } from '../webgpu/command-queue';
import type { RequestedDevice } from '../webgpu/device';
import type { VerificationCase } from './case';
import { errorBound, type Comparison } from './comparison';

/** What came of a case. */
export interface CaseResult {
  readonly op: string;
  readonly shape: string;
  readonly against: VerificationCase['against'];
  readonly comparisons: readonly Comparison[];
  /** Why it could not be run to its end; a case with an error has failed. */
  readonly error?: string;
  readonly ms: number;
}

/** Whether a case ran to its end with every error below the bound. */
export function passes({ comparisons, error }: CaseResult): boolean {
  return (
    error === undefined &&
    comparisons.length > 0 &&
    comparisons.every(({ maxAbs }) => maxAbs < errorBound)
  );
}

export interface VerificationEvents {
  /** A case begins, `index` cases are done. */
  begin?(next: VerificationCase, index: number): void;
  result(result: CaseResult, index: number): void;
}

/**
 * Runs cases one after another. A case that throws has failed, and the next one runs.
 *
 * @throws DeviceLostError when the device goes, since nothing after it can run
 */
export async function runCases(
  target: RequestedDevice,
  cases: readonly VerificationCase[],
  events: VerificationEvents,
): Promise<void> {
  let lost: string | undefined;
  void target.device.lost.then(({ message }) => {
    lost = message || 'no reason given';
  });
  for (const [index, next] of cases.entries()) {
    events.begin?.(next, index);
    const { op, shape, against } = next;
    const started = Date.now();
    let comparisons: readonly Comparison[] = [];
    let error: string | undefined;
    try {
      comparisons = await next.run(target);
    } catch (caught) {
      error = caught instanceof Error ? caught.message : String(caught);
    }
    // What a lost device gives is no result.
    await Promise.resolve();
    if (lost !== undefined) throw new DeviceLostError(`during ${op}, ${shape}: ${lost}`);
    const ms = Date.now() - started;
    const result = { op, shape, against, comparisons, ms };
    events.result(error === undefined ? result : { ...result, error }, index);
  }
}
