import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { d } from 'typegpu';
import { expect, test } from 'vitest';
import {
  ArrayInfo,
  ResourceType,
  StructInfo,
  WgslReflect,
  type TypeInfo,
  type VariableInfo,
} from 'wgsl_reflect/wgsl_reflect.module.js';
import { benchKernels } from '../bench/kernels';
import type { Kernel, KernelEntries } from './kernel';
import { kernels } from './operations/index';

const folder = join(import.meta.dirname, '../../shaders');

/** A type with the places of its parts: `{ struct: [['count', 0, 4, 'u32']] }`. */
type Type =
  | string
  | { readonly arrayOf: Type; readonly stride: number }
  | {
      readonly fields: readonly (readonly [string, number, number, Type])[];
      readonly size: number;
    };

interface Binding {
  readonly group: number;
  readonly binding: number;
  readonly name: string;
  readonly space: 'uniform' | 'storage';
  readonly access: 'read' | 'read_write';
  readonly type: Type;
}

interface Interface {
  readonly bindings: readonly Binding[];
  readonly workgroupSize: readonly number[];
}

/** What a WGSL source binds, as a parser that knows nothing of TypeGPU sees it. */
function interfaceOfSource(code: string): Interface {
  // wgsl_reflect 1.6.0 takes `block` for a keyword, which WGSL does not.
  const reflection = new WgslReflect(code.replace(/\bblock\b/g, 'block_'));
  const describe = (variable: VariableInfo): Binding => ({
    group: variable.group,
    binding: variable.binding,
    name: variable.name,
    space: variable.resourceType === ResourceType.Uniform ? 'uniform' : 'storage',
    access: variable.access === 'read_write' ? 'read_write' : 'read',
    type: typeOfSource(variable.type),
  });
  const main = reflection.entry.compute.filter(({ name }) => name === 'main');
  expect(main).toHaveLength(1);
  return {
    bindings: reflection.getBindGroups().flat().map(describe),
    workgroupSize: (main[0]?.workgroupSize ?? []).map(Number),
  };
}

function typeOfSource(type: TypeInfo): Type {
  if (type instanceof StructInfo) {
    return {
      fields: type.members.map((member) => [
        member.name,
        member.offset,
        member.size,
        typeOfSource(member.type),
      ]),
      size: type.size,
    };
  }
  if (type instanceof ArrayInfo) {
    return { arrayOf: typeOfSource(type.format), stride: type.stride };
  }
  return type.getTypeName();
}

/** What the kernel's TypeGPU layout binds. */
function interfaceOfKernel({ layout, workgroupSize }: Kernel): Interface {
  const describe = (name: string, entry: KernelEntries[string], binding: number): Binding => {
    if ('uniform' in entry) {
      const type = typeOfLayout(entry.uniform);
      return { group: 0, binding, name, space: 'uniform', access: 'read', type };
    }
    const access = entry.access === 'mutable' ? 'read_write' : 'read';
    const schema = typeof entry.storage === 'function' ? entry.storage(1) : entry.storage;
    return { group: 0, binding, name, space: 'storage', access, type: typeOfLayout(schema) };
  };
  return {
    bindings: Object.entries(layout.entries).map(([name, entry], index) =>
      describe(name, entry, index),
    ),
    workgroupSize: [...workgroupSize],
  };
}

function typeOfLayout(schema: d.BaseData): Type {
  if (isStruct(schema)) {
    return {
      fields: Object.entries(schema.propTypes).map(([name, type]) => [
        name,
        d.memoryLayoutOf(schema, (value) => value[name]).offset,
        d.sizeOf(type as d.AnyData),
        typeOfLayout(type),
      ]),
      size: d.sizeOf(schema),
    };
  }
  if (isArray(schema)) {
    // Of one element: `interfaceOfKernel` makes them so.
    const stride = d.sizeOf(schema);
    return { arrayOf: typeOfLayout(schema.elementType), stride };
  }
  return schema.type;
}

function isStruct(schema: d.BaseData): schema is d.WgslStruct {
  return schema.type === 'struct';
}

function isArray(schema: d.BaseData): schema is d.WgslArray {
  return schema.type === 'array';
}

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.wgsl'))
  .map((file) => file.replaceAll('\\', '/'));

/** By the path of its file, without the ending. */
const byPath = [
  ...kernels.map((kernel) => [kernel.name, kernel] as const),
  ...benchKernels.map((kernel) => [`bench/${kernel.name}`, kernel] as const),
];

test('every file of shaders/ has one kernel, and every kernel its file', () => {
  expect(byPath.map(([path]) => `${path}.wgsl`).sort()).toEqual(files.sort());
});

test.each(byPath)('%s binds what its layout says', (path, kernel) => {
  const code = readFileSync(join(folder, `${path}.wgsl`), 'utf8');
  expect(kernel.code).toBe(code);
  expect(interfaceOfSource(code)).toEqual(interfaceOfKernel(kernel));
});

// The comparison sees what would go wrong silently on a device.
test.each([
  ['two bindings changed about', /binding\(1\)(.*\n.*)binding\(2\)/, 'binding(2)$1binding(1)'],
  ['another group', '@group(0) @binding(1)', '@group(1) @binding(1)'],
  ['another access', 'var<storage, read> dy', 'var<storage, read_write> dy'],
  ['another address space', 'var<storage, read> sums', 'var<uniform> sums'],
  ['another element type', 'weight: array<vec4f>', 'weight: array<vec2f>'],
  ['another field type', 'inversePixels: f32', 'inversePixels: u32'],
  ['another field name', 'inversePixels: f32', 'pixels: f32'],
  ['another field offset', 'accumulate: u32', '@align(16) accumulate: u32'],
  ['a field less', '  blocks: u32,\n', ''],
  ['another workgroup size', '@workgroup_size(64)', '@workgroup_size(32)'],
] as const)('%s does not pass', (_change, from, to) => {
  const kernel = kernels.find(({ name }) => name === 'batch-norm-input-gradient');
  if (!kernel) throw new Error('the kernel to be altered is gone');
  const altered = kernel.code.replace(from, to);
  expect(altered).not.toBe(kernel.code);
  expect(interfaceOfSource(altered)).not.toEqual(interfaceOfKernel(kernel));
});
