import { expect, test } from 'vitest';
import { splitAt } from './cut';
import { buildResNet } from './resnet';

const model = buildResNet({ architecture: 'resnet18', stem: 'imagenet', numClasses: 10 });
const stages = (...cut: string[]) =>
  splitAt(model, cut).map((units) => units.map(({ name }) => name).join(' '));

test('a cut names the first unit of the next stage', () => {
  expect(stages()).toHaveLength(1);
  expect(stages('layer3.0', 'head')).toEqual([
    'stem layer1.0 layer1.1 layer2.0 layer2.1',
    'layer3.0 layer3.1 layer4.0 layer4.1',
    'head',
  ]);
});

test.each([
  [
    'layer3.7',
    "cut 'layer3.7': resnet18 has no such unit; expected none, auto, or one of layer1.0",
  ],
  ['stem', "cut 'stem': the first unit can't start a second stage"],
])('%s is refused with the remedy', (cut, message) => {
  expect(() => stages(cut)).toThrow(message);
});

test('cuts out of order are refused', () => {
  expect(() => stages('layer3.0', 'layer2.0')).toThrow("got 'layer2.0' after 'layer3.0'");
  expect(() => stages('layer3.0', 'layer3.0')).toThrow("got 'layer3.0' after 'layer3.0'");
});
