import { expect, test } from 'vitest';
import { countParameters, outputShapeOf } from './graph';
import { buildResNet } from './resnet';

// Parameter counts that torchvision documents for its models, and the ResNet paper's 0.27M.
test.each([
  ['resnet18', 'imagenet', 1000, 11_689_512],
  ['resnet34', 'imagenet', 1000, 21_797_672],
  ['resnet50', 'imagenet', 1000, 25_557_032],
  ['resnet20', 'cifar', 10, 269_722],
] as const)(
  '%s with the %s stem has %d classes and %d parameters',
  (architecture, stem, numClasses, count) => {
    expect(countParameters(buildResNet({ architecture, stem, numClasses }).units)).toBe(count);
  },
);

test('the units of ResNet-34, and the shapes at its cuts', () => {
  const { units } = buildResNet({ architecture: 'resnet34', stem: 'imagenet', numClasses: 1000 });
  expect(units.map(({ name }) => name).join(' ')).toBe(
    'stem layer1.0 layer1.1 layer1.2 layer2.0 layer2.1 layer2.2 layer2.3 ' +
      'layer3.0 layer3.1 layer3.2 layer3.3 layer3.4 layer3.5 layer4.0 layer4.1 layer4.2 head',
  );
  expect(outputShapeOf(units.slice(0, 8), [3, 224, 224])).toEqual([128, 28, 28]);
  expect(outputShapeOf(units.slice(0, 17), [3, 224, 224])).toEqual([512, 7, 7]);
  expect(outputShapeOf(units, [3, 224, 224])).toEqual([1000]);
});

test('a picture that is not what the unit takes is refused by name', () => {
  const { units } = buildResNet({ architecture: 'resnet18', stem: 'cifar', numClasses: 10 });
  expect(() => outputShapeOf(units, [1, 32, 32])).toThrow(
    "stem, convolution 'conv1': expected 3xHxW, got 1x32x32",
  );
});
