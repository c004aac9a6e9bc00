import { caseSetWords } from '../../runtime/verify/case-set';
import { errorBound } from '../../runtime/verify/comparison';
import type { VerificationReport } from '../../runtime/verify/report';
import { passes, type CaseResult } from '../../runtime/verify/run';
import { aligned } from './aligned';

/** A report as people read it in a terminal: a line an operation, then every case that fails. */
export function verificationTable(
  { device, set, ms }: VerificationReport,
  results: readonly CaseResult[],
): string {
  const operations = new Set(results.map(({ op }) => op));
  const rows = [...operations].map((op) => {
    const cases = results.filter((result) => result.op === op);
    const comparisons = cases.flatMap((result) => result.comparisons);
    const failed = cases.filter((result) => !passes(result)).length;
    const maxAbs = Math.max(0, ...comparisons.map((comparison) => comparison.maxAbs));
    const meanAbs = Math.max(0, ...comparisons.map((comparison) => comparison.meanAbs));
    const verdict = failed === 0 ? 'pass' : `${failed} FAIL`;
    return [op, String(cases.length), formatError(maxAbs), formatError(meanAbs), verdict];
  });
  const failures = results
    .filter((result) => !passes(result))
    .flatMap(({ op, shape, against, comparisons, error }) => [
      `FAIL ${op}, ${shape}, against ${against}${error === undefined ? '' : `: ${error}`}`,
      ...comparisons
        .filter(({ maxAbs }) => !(maxAbs < errorBound))
        .map(
          ({ result, maxAbs, meanAbs }) =>
            `  ${result}: max abs ${formatError(maxAbs)}, mean abs ${formatError(meanAbs)}`,
        ),
    ]);
  const limits = Object.entries(device.limits).map(([name, value]) => `${name} ${value}`);
  return [
    `${device.name} (${device.agent})`,
    `  ${limits.join(', ')}`,
    `  ${caseSetWords[set]}, and odd shapes; ${(ms / 1000).toFixed(1)} s`,
    ...aligned([
      ['operation', 'cases', 'max abs', 'mean abs', `bound ${formatError(errorBound)}`],
      ...rows,
    ]),
    ...failures,
    `${results.length} cases, ${results.filter((result) => !passes(result)).length} failed`,
  ].join('\n');
}

function formatError(error: number): string {
  if (error === 0) return '0';
  return Number.isFinite(error) ? error.toExponential(1) : 'no number';
}
