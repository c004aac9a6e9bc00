import { expect, test } from 'vitest';
import { kernelSources } from './kernel-sources';
import { functionsOf, withoutComments } from './wgsl-source';

/** What Safari 26 gives a kernel of each kind of memory, in bytes; it refuses more. */
const workgroupLimit = 16384;
const functionLimit = 8192;

const elementBytes: Readonly<Record<string, number>> = { f32: 4, u32: 4, vec2f: 8, vec4f: 16 };

/** Bytes of workgroup memory; NaN for what this test can't read. */
function workgroupBytes(code: string): number {
  const constants = new Map(
    [...code.matchAll(/const (\w+) = (\d+)u?;/g)].map(([, name, value]) => [name, Number(value)]),
  );
  const variables = [...code.matchAll(/var<workgroup>\s*\w+\s*:\s*([^;]*);/g)];
  return variables.reduce((sum, [, type = '']) => {
    const [, element = '', size = ''] = /^array<(\w+), (\w+)>$/.exec(type) ?? [];
    const count = constants.get(size) ?? parseInt(size, 10);
    return sum + (elementBytes[element] ?? NaN) * count;
  }, 0);
}

/**
 * At most what a function's variables take in bytes: as if each were a vec4f, or a matrix; that
 * there are no arrays and no structs among them is another rule.
 */
function functionBytes(body: string): number {
  const variables = [
    ...body.matchAll(/\bvar(?:<function>)?\s+\w+\s*(?::([^=;]*))?(?:=([^;]*))?;/g),
  ];
  return variables.reduce((sum, [, type = '', value = '']) => {
    return sum + (/\bmat\dx\d/.test(type + value) ? 64 : 16);
  }, 0);
}

function privateVariables(code: string): string[] {
  return code.match(/var<private>[^;]*/g) ?? [];
}

const sources = [...kernelSources].map(
  ([file, source]) => [file, withoutComments(source)] as const,
);

test('workgroup memory is at most 16384 bytes, in vec4 or scalar arrays of constant size', () => {
  expect(workgroupBytes('const n = 9u;\nvar<workgroup> a: array<vec4f, n>;')).toBe(144);
  expect(workgroupBytes('var<workgroup> a: Tile;')).toBeNaN();
  for (const [file, code] of sources) {
    expect(workgroupBytes(code), file).toBeLessThanOrEqual(workgroupLimit);
  }
});

test('the variables of a function are at most 8192 bytes, and none are private', () => {
  const body = 'var a = 0u;\nvar b: mat4x4f;\nlet c = 1.0;\nfor (var i = 0u; i < n; i++) {}';
  expect(functionBytes(body)).toBe(16 + 64 + 16);
  const many = 'var sum = vec4f(0.0);\n'.repeat(513);
  expect(functionBytes(many)).toBeGreaterThan(functionLimit);
  expect(privateVariables('var<private> seen: u32;')).toHaveLength(1);
  for (const [file, code] of sources) {
    expect(privateVariables(code), file).toEqual([]);
    for (const { name, body } of functionsOf(code)) {
      expect(functionBytes(body), `${name} in ${file}`).toBeLessThanOrEqual(functionLimit);
    }
  }
});
