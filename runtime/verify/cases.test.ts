import { expect, test } from 'vitest';
import { readCases, readSamples } from '../../e2e/golden/read';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import { verificationCases, type CaseSet } from './cases';
import { passes, runCases, type CaseResult } from './run';

const fixture = dawnFixture();
const golden = { cases: readCases(), samples: readSamples('operations.safetensors') };

test('x', async () => {
  const results: CaseResult[] = [];
  const cases = verificationCases((process.env.SET ?? 'quick') as CaseSet, golden);
  const t = Date.now();
  await runCases({ device: fixture.device, description: 'Dawn' }, cases, {
    result: (r) => {
      results.push(r);
      if (r.ms > 500 || !passes(r)) console.log(r.op, r.shape, r.ms, r.error, passes(r) ? '' : r.comparisons);
    },
  });
  console.log(Date.now() - t, results.length, results.filter((r) => !passes(r)).length);
  const g: Record<string, [number, number, number]> = {};
  for (const r of results) { const e = (g[r.against + r.op] ??= [0, 0, 0]); e[0]++; e[1] += r.ms; e[2] = Math.max(e[2], ...r.comparisons.map((c) => c.maxAbs)); }
  console.log(g);
  expect(results.length).toBe(cases.length);
}, 600000);
