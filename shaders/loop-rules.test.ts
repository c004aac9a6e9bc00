import { expect, test } from 'vitest';
import { kernelSources } from './kernel-sources';
import {
  exceptionsOf,
  floatNames,
  functionsOf,
  isFloat,
  loopsOf,
  runsInLoop,
  withoutComments,
} from './wgsl-source';

/*
 * Loops in Safari 26 carry a guard that counts each time around (37051, 40379), and integer
 * division and conversion from floating point are calls there. A kernel breaks a rule only with a
 * reason in its comments: `// Exception, nested loop: …`.
 */
interface LoopRule {
  readonly rule: string;
  readonly why: string;
  /** What breaks the rule in a kernel without comments. */
  readonly violations: (code: string) => string[];
  /** Kernels that break the rule, and some that look like it. */
  readonly broken: readonly string[];
  readonly sound: readonly string[];
}

const rules: readonly LoopRule[] = [
  {
    rule: 'nested loop',
    why: 'inner loops are unrolled in the source; the loop over what a sum runs over stays',
    violations: (code) =>
      functionsOf(code).flatMap(({ body }) =>
        loopsOf(body)
          .filter((loop) => loop.depth > 0)
          .map(({ header }) => header),
      ),
    broken: [
      'fn main() { for (var a = 0u; a < n; a++) { for (var b = 0u; b < n; b++) { f(); } } }',
    ],
    sound: ['fn main() { for (var a = 0u; a < n; a++) { f(); } while (x < y) { g(); } }'],
  },
  {
    rule: 'loop of known length',
    why: 'it is unrolled in the source',
    violations: (code) =>
      functionsOf(code).flatMap(({ body }) =>
        loopsOf(body)
          .map(({ header }) => header)
          .filter((header) => /=\s*\d+u?;[^;<>]*[<>]=?\s*(\d+u?|[A-Z_]+)\s*;/.test(header)),
      ),
    broken: [
      'fn main() { for (var i = 0u; i < 4u; i++) { f(i); } }',
      'const ROWS = 8u;\nfn main() { for (var i = 0; i < ROWS; i += 2) { f(i); } }',
    ],
    sound: [
      'fn main() { for (var i = 0u; i < params.count; i++) { f(i); } }',
      'fn main() { for (var i = lane; i < 64u; i += step) { f(i); } }',
    ],
  },
  {
    rule: 'integer division in a loop',
    why: 'it is computed once before, kept by counting, or a shift',
    violations: (code) => inLoops(code).flatMap((run) => integerDivisions(run, floatNames(code))),
    broken: [
      'fn main() { for (var i = 0u; i < n; i++) { let row = i / width; } }',
      'fn main() { for (var i = 0u; i % width < n; i++) { f(i); } }',
      'fn place(i: u32) -> u32 { return i % width; }\nfn main() { while (i < n) { i = place(i); } }',
    ],
    sound: [
      'fn main() { let row = i / width; for (var i = 0u; i < n; i++) { f(row); } }',
      'fn main() { for (var i = m / width; i < n; i++) { let row = i / 4u; } }',
      'fn main() { let n = 2.0; for (var i = 0u; i < m; i++) { sum += x / n + y / f32(i); } }',
    ],
  },
  {
    rule: 'floating point made an integer in a loop',
    why: 'the conversion clamps in a function of its own',
    violations: (code) => inLoops(code).flatMap((run) => conversions(run, floatNames(code))),
    broken: [
      'fn main() { for (var i = 0u; i < n; i++) { let at = u32(2.5 * step); } }',
      'fn main() { let x = sqrt(y); while (i < n) { let at = vec2i(vec2u(i, u32(x))); } }',
    ],
    sound: ['fn main() { for (var i = 0u; i < n; i++) { let at = vec4u(i) + u32(j); } }'],
  },
];

function inLoops(code: string): string[] {
  const functions = functionsOf(code);
  return functions
    .flatMap(({ body }) => loopsOf(body))
    .filter(({ depth }) => depth === 0)
    .map((loop) => runsInLoop(loop, functions));
}

/** Those by anything but a literal. */
function integerDivisions(run: string, floats: ReadonlySet<string>): string[] {
  return [...run.matchAll(/[/%]=?\s*([\w.]+)/g)]
    .filter(([, divisor = '']) => !/^\d/.test(divisor) && !isFloat(divisor, floats))
    .map(([text]) => text);
}

function conversions(run: string, floats: ReadonlySet<string>): string[] {
  return [...run.matchAll(/\b(?:[iu]32|vec\d[iu])\(([^;]*)/g)]
    .map(([text, after = '']) => [text, firstArguments(after)] as const)
    .filter(([, inside]) => isFloat(inside, floats))
    .map(([text]) => text);
}

/** Up to the bracket that closes the call. */
function firstArguments(after: string): string {
  let depth = 1;
  let end = 0;
  for (; end < after.length && depth > 0; end++) {
    if (after.charAt(end) === '(') depth++;
    if (after.charAt(end) === ')') depth--;
  }
  return after.slice(0, end);
}

test.each(rules)('$rule: $why', ({ rule, violations, broken, sound }) => {
  for (const code of broken) expect(violations(code), code).not.toEqual([]);
  for (const code of sound) expect(violations(code), code).toEqual([]);
  for (const [file, source] of kernelSources) {
    const found = violations(withoutComments(source));
    const reason = exceptionsOf(source).get(rule);
    if (reason === undefined) expect(found, `${file}: ${rule}`).toEqual([]);
    // A reason for what is not there any more misleads.
    else expect(found, `${file}: an exception for nothing`).not.toEqual([]);
  }
});

test('an exception is for a rule that there is, and says why', () => {
  const example = '// Exception, nested loop: because\n//   of this\nfn main() {}';
  expect([...exceptionsOf(example)]).toEqual([['nested loop', 'because\n//   of this']]);
  const known = rules.map(({ rule }) => rule);
  for (const [file, source] of kernelSources) {
    for (const [rule, reason] of exceptionsOf(source)) {
      expect(known, file).toContain(rule);
      expect(reason.length, `${file}: ${rule}`).toBeGreaterThan(40);
    }
  }
});
