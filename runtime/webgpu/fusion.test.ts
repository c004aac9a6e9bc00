import { expect, test } from 'vitest';
import type { Operation, Unit } from '../model/graph';
import { buildResNet, type Architecture } from '../model/resnet';
import { fuse } from './fusion';

const kindsOf = (unit: Unit): string => fuse(unit).map(describe).join(' ');
const describe = (operation: ReturnType<typeof fuse>[number]): string =>
  operation.kind === 'batchNormRelu'
    ? `[${operation.batchNorm.output}${operation.add ? `+${operation.add.shortcut}` : ''} ${operation.output}]`
    : operation.output;

function unitOf(architecture: Architecture, name: string): Unit {
  const stem = architecture === 'resnet20' ? 'cifar' : 'imagenet';
  const { units } = buildResNet({ architecture, stem, numClasses: 10 });
  const unit = units.find((candidate) => candidate.name === name);
  if (!unit) throw new Error(`${architecture} has no ${name}`);
  return unit;
}

test.each([
  ['resnet34', 'stem', 'conv1 [bn1 relu] maxpool'],
  ['resnet34', 'layer1.0', 'conv1 [bn1 relu1] conv2 [bn2+input relu]'],
  [
    'resnet34',
    'layer2.0',
    'conv1 [bn1 relu1] conv2 downsample.0 downsample.1 [bn2+downsample.1 relu]',
  ],
  ['resnet50', 'layer1.1', 'conv1 [bn1 relu1] conv2 [bn2 relu2] conv3 [bn3+input relu]'],
  ['resnet20', 'layer2.0', 'conv1 [bn1 relu1] conv2 shortcut [bn2+shortcut relu]'],
  ['resnet34', 'head', 'avgpool fc'],
] as const)('%s %s: %s', (architecture, name, expected) => {
  expect(kindsOf(unitOf(architecture, name))).toBe(expected);
});

const norm = {
  kind: 'batchNorm',
  input: 'input',
  output: 'bn',
  weight: 'w',
  bias: 'b',
  runningMean: 'm',
  runningVar: 'v',
  channels: 4,
  epsilon: 1e-5,
  momentum: 0.1,
} as const;
const relu = (input: string, output: string): Operation => ({ kind: 'relu', input, output });
const unit = (output: string, ...operations: Operation[]): Unit => ({
  name: 'unit',
  operations,
  output,
  parameters: [],
  buffers: [],
});

test('a result that something else reads stays', () => {
  const add: Operation = { kind: 'add', input: 'relu', other: 'bn', output: 'add' };
  expect(kindsOf(unit('add', norm, relu('bn', 'relu'), add))).toBe('bn relu add');
  expect(kindsOf(unit('bn', norm, relu('bn', 'relu')))).toBe('bn relu');
  const twice: Operation = { kind: 'add', input: 'bn', other: 'bn', output: 'add' };
  expect(kindsOf(unit('relu', norm, twice, relu('add', 'relu')))).toBe('bn add relu');
});

test('of a sum’s two batch norms one is taken in', () => {
  const other = { ...norm, output: 'bn2' };
  const add: Operation = { kind: 'add', input: 'bn2', other: 'bn', output: 'add' };
  expect(kindsOf(unit('relu', norm, other, add, relu('add', 'relu')))).toBe('bn2 [bn+bn2 relu]');
});
