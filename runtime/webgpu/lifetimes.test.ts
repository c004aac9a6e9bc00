import { expect, test } from 'vitest';
import { defineKernel, dispatch, vectors, type Dispatch } from './kernel';
import { onlyRead, planLifetimes } from './lifetimes';
import { allocate, type Region } from './memory';

const kernel = defineKernel({
  name: 'copy',
  code: '',
  entries: { x: { storage: vectors }, y: { storage: vectors, access: 'mutable' } },
  workgroupSize: [64, 1, 1],
});

const copy = (x: Region, y: Region): Dispatch =>
  dispatch(kernel, { regions: { x, y }, threads: 1 });

const labels = (allocations: readonly { label: string }[]) => allocations.map(({ label }) => label);

test('what a later pass reads first is kept, the rest is scratch', () => {
  const [input, a, b, c, output] = ['input', 'a', 'b', 'c', 'output'].map((name) =>
    allocate(name, 16),
  ) as [Region, Region, Region, Region, Region];
  const permanent = new Set([input.allocation, output.allocation]);
  const forward = [copy(input, a), copy(a, b), copy(b, output)];
  const backward = [copy(a, c), copy(c, output)];
  const { kept, scratch } = planLifetimes([forward, backward], permanent);
  expect(labels(kept)).toEqual(['a']);
  // b lives in forward, c in backward: they take turns in one buffer.
  expect(scratch.map(({ bytes, allocations }) => [bytes, labels(allocations)])).toEqual([
    [16, ['b', 'c']],
  ]);
});

test('a pass that writes first what another pass wrote keeps nothing', () => {
  const [input, workspace, output] = ['input', 'workspace', 'output'].map((name) =>
    allocate(name, 16),
  ) as [Region, Region, Region];
  const pass = [copy(input, workspace), copy(workspace, output)];
  const permanent = new Set([input.allocation, output.allocation]);
  const { kept, scratch } = planLifetimes([pass, pass], permanent);
  expect(kept).toEqual([]);
  expect(scratch).toHaveLength(1);
});

test('within a pass, memory is shared only where its uses do not touch', () => {
  const input = allocate('input', 16);
  const chain = [64, 32, 48, 16].map((bytes, index) => allocate(`${index}`, bytes));
  const pass = [input, ...chain].slice(1).map((to, index) => copy(chain[index - 1] ?? input, to));
  const { scratch } = planLifetimes([pass], new Set([input.allocation]));
  // Neighbours meet in one dispatch, so two buffers carry the whole chain.
  expect(scratch.map(({ bytes, allocations }) => [bytes, labels(allocations)])).toEqual([
    [64, ['0', '2']],
    [32, ['1', '3']],
  ]);
});

test('one memory bound for reading and for writing in one dispatch is a fault', () => {
  const region = allocate('value', 16);
  expect(() => planLifetimes([[copy(region, region)]], new Set())).toThrow(
    'copy: value is bound for reading and for writing at once',
  );
});

test('only what is read, at last by the readers, is kept of a list', () => {
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name) => allocate(name, 16)) as [
    ...[Region, Region, Region, Region, Region],
  ];
  const dispatches = [copy(a, b), copy(b, c), copy(c, d), copy(b, e)];
  // e and d are read by nobody; c is, and needs b.
  expect(onlyRead(dispatches, [copy(c, a)])).toEqual(dispatches.slice(0, 2));
  expect(onlyRead(dispatches, [copy(a, c)])).toEqual([]);
});
