import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Names, not `Report` itself: what a script that reads the JSON relies on. */
interface Printed {
  readonly device: string;
  readonly correct: boolean;
  readonly ratios: Record<string, Record<string, number>>;
  readonly fmaShare: Record<string, number>;
  readonly failures: string[];
}

test('every peer runs in the browser, each result is right, and the last line is JSON', () => {
  // As small as can be: it is not the times that are tested.
  const settings = ['--size', '32', '--batch', '1', '--repetitions', '1', '--layers', 'layer4'];
  const { status, stdout, stderr } = spawnSync(
    'npm',
    ['run', '--silent', 'bench:kernels', '--', '--json', '--software', ...settings],
    { encoding: 'utf8', shell: process.platform === 'win32' },
  );
  expect(status, stderr).toBe(0);
  const printed = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Printed;
  expect(printed.failures).toEqual([]);
  expect(printed.correct).toBe(true);
  expect(printed.device).toMatch(/swiftshader/i);
  expect(Object.keys(printed.fmaShare)).toEqual(['layer4']);
  const positive = expect.any(Number) as number;
  const all = { forward: positive, inputGradient: positive, weightGradient: positive };
  expect(printed.ratios).toEqual({ tfjs: all, ort: { forward: positive }, jaxjs: all });
}, 180_000);
