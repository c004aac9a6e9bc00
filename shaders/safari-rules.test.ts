import { expect, test } from 'vitest';
import { kernelSources } from './kernel-sources';
import { withoutComments } from './wgsl-source';

/*
 * What Safari 26 refuses, compiles wrongly or runs slowly while every other browser takes it. The
 * numbers are WebKit's pull requests, the names those of projects that ran into it.
 */
const rules: readonly {
  readonly rule: string;
  readonly pattern: RegExp;
  /** Sources that break the rule: the pattern must find each. */
  readonly examples: readonly string[];
}[] = [
  {
    // More than 8192 bytes of them fail the pipeline; an array indexed by a variable is slow besides.
    rule: 'no arrays in function scope or private memory',
    pattern: /var(<private>)?\s+\w+\s*(:\s*array\s*<|=\s*array\b)/,
    examples: [
      'var sums: array<f32, 8>;',
      'var<private> a: array<u32, 4>;',
      'var x = array(1, 2);',
    ],
  },
  {
    // 2047 elements at most, and each function that uses one gets its own copy.
    rule: 'no constant arrays: what a kernel looks up lies in a buffer',
    pattern: /\bconst\s+\w+\s*(:\s*array\b|=\s*array\b)/,
    examples: ['const taps = array(1, 2, 3);', 'const t: array<f32, 2> = array(1.0, 2.0);'],
  },
  {
    rule: 'no override: as an array size it fails silently, and nothing else needs it',
    pattern: /\boverride\b/,
    examples: ['override tile: u32 = 8;'],
  },
  {
    rule: 'no subgroups and no language features newer than Safari 26 (68713)',
    pattern: /\b(subgroup\w*|global_invocation_index|workgroup_index|requires)\b/,
    examples: ['let s = subgroupAdd(x);', '@builtin(workgroup_index) w: u32', 'requires foo;'],
  },
  {
    rule: 'no f16 without a kernel of its own to fall back from',
    pattern: /\bf16\b|\bvec\dh\b/,
    examples: ['enable f16;', 'var x: vec4h;'],
  },
  {
    rule: 'no assignment to a multi-component swizzle',
    pattern: /\.[xyzwrgba]{2,4}\s*[-+*/]?=(?!=)/,
    examples: ['v.xy = w;', 'a[i].rgb += w;'],
  },
  {
    rule: 'no structs, arrays or matrices by value into or out of functions (43378, 73518)',
    pattern: /fn\s+\w+\s*\(([^)]*:\s*(array|mat\dx\d|[A-Z])|[^{]*->\s*(array|mat\dx\d|[A-Z]))/,
    examples: ['fn f(p: Params) {', 'fn f(x: u32) -> Tile {', 'fn f(m: mat4x4f) {'],
  },
  {
    rule: 'no vec3 and no three-row matrix in memory (30522, 39466)',
    pattern: /(var<(storage|uniform|workgroup)[^;]*|^\s*\w+\s*:[^;()]*)(vec3|mat\dx3)/m,
    examples: ['var<storage, read> a: array<vec3f>;', 'struct P {\n  size: vec3u,\n}'],
  },
  {
    rule: "no call in a compound assignment's target: it runs twice",
    pattern: /\[[^\]=;]*\w\([^\]=;]*\]\s*[-+*/%&|^]=(?!=)/,
    examples: ['a[place(x)] += y;'],
  },
  {
    rule: 'log2(x) * 0.6931472 for log, and no norm packers',
    pattern: /\blog\s*\(|\bpack\w*norm\b/,
    examples: ['let l = log(x);', 'pack4x8unorm(v)'],
  },
  {
    rule: 'no switch, no loop/continuing, no workgroupUniformLoad (44849, 46306)',
    pattern: /\b(switch|loop|continuing|workgroupUniformLoad)\b/,
    examples: ['switch (x) {', 'loop {', 'workgroupUniformLoad(&x)'],
  },
  {
    rule: 'no atomics: sums keep one order',
    pattern: /\batomic/,
    examples: ['var<workgroup> n: atomic<u32>;'],
  },
  {
    rule: 'no tanh: the fast one is NaN above 44',
    pattern: /\btanh\s*\(/,
    examples: ['tanh(x)'],
  },
  {
    rule: 'no comparison of a value with itself: relaxed math makes it true for NaN',
    pattern: /\b([\w.]+)\s*[!=]=\s*\1\b(?!\s*[.[(])/,
    examples: ['if (x != x) {'],
  },
];

const sources = [...kernelSources].map(
  ([file, source]) => [file, withoutComments(source)] as const,
);

test.each(rules)('$rule', ({ pattern, examples }) => {
  for (const example of examples) expect(example).toMatch(pattern);
  for (const [file, code] of sources) expect(code, file).not.toMatch(pattern);
});

test('there are kernels to look at', () => {
  expect(sources.length).toBeGreaterThan(20);
});
