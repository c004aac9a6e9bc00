import { expect, test } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import { kernels } from '../webgpu/operations/index';
import { smallCases } from './cases';
import { errorBound } from './comparison';
import { mutatedKernels } from './mutations';
import { passes, runCases, type CaseResult } from './run';
import { withKernel } from './with-kernel';

const fixture = dawnFixture();
const sources = new Map(kernels.map(({ name, code }) => [name, code]));
const cases = smallCases();

test('every kernel is broken in some way', () => {
  expect(Object.keys(mutatedKernels).sort()).toEqual([...sources.keys()].sort());
});

test('unbroken kernels pass', async () => {
  const device = withKernel(fixture.device, 'relu', `${sources.get('relu') ?? ''}// unchanged\n`);
  const failed: CaseResult[] = [];
  await runCases({ device, description: 'sound' }, cases, {
    result(result) {
      if (!passes(result)) failed.push(result);
    },
  });
  expect(failed).toEqual([]);
});

const mutants = Object.entries(mutatedKernels).flatMap(([kernel, { op, mutations }]) =>
  mutations.map(([fault, from, to]) => ({ kernel, op, fault, from, to })),
);

test.each(mutants)('$kernel: $fault', async ({ kernel, op, from, to }) => {
  const source = sources.get(kernel) ?? '';
  expect(source, 'the place to break').toContain(from);
  const device = withKernel(fixture.device, kernel, source.replace(from, to));
  let caught: CaseResult | undefined;
  const ofOperation = cases.filter((known) => known.op.startsWith(op));
  for (const next of ofOperation) {
    await runCases({ device, description: 'broken' }, [next], {
      result(result) {
        if (isWrong(result)) caught = result;
      },
    });
    if (caught) break;
  }
  expect(caught, `none of ${ofOperation.length} cases noticed`).toBeDefined();
});

/** Wrong numbers; a kernel that the device refuses would prove nothing. */
function isWrong({ comparisons, error }: CaseResult): boolean {
  if (error !== undefined) {
    expect(error).toContain('expected zeros behind channel');
    return true;
  }
  return comparisons.some(({ maxAbs }) => !(maxAbs < errorBound));
}
