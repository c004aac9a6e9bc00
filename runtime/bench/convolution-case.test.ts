import { expect, test } from 'vitest';
import { floatingPointOperations, operandBytes, resNet34Cases } from './convolution-case';

const cases = resNet34Cases(224, 1);

test('the distinct convolutions of ResNet-34 stand for all 36', () => {
  expect(cases.map(({ name, count }) => `${count} x ${name}`)).toEqual([
    '1 x stem: 7x7, 3 to 64, stride 2',
    '6 x layer1: 3x3, 64 to 64',
    '1 x layer2: 3x3, 64 to 128, stride 2',
    '7 x layer2: 3x3, 128 to 128',
    '1 x layer2: 1x1, 64 to 128, stride 2',
    '1 x layer3: 3x3, 128 to 256, stride 2',
    '11 x layer3: 3x3, 256 to 256',
    '1 x layer3: 1x1, 128 to 256, stride 2',
    '1 x layer4: 3x3, 256 to 512, stride 2',
    '5 x layer4: 3x3, 512 to 512',
    '1 x layer4: 1x1, 256 to 512, stride 2',
  ]);
});

test('multiply-adds add up to the 3.66 billion of torchvision’s ResNet-34, less the classifier', () => {
  const operations = cases.reduce(
    (sum, each) => sum + each.count * floatingPointOperations(each),
    0,
  );
  expect(operations / 2).toBe(3_663_761_408 - 512_000);
});

test('shapes scale with the pictures and the batch', () => {
  const [, , strided] = resNet34Cases(112, 3);
  if (!strided) throw new Error('layer2 starts with a strided convolution');
  expect(strided.inputShape).toEqual([3, 64, 28, 28]);
  expect(strided.outputShape).toEqual([3, 128, 14, 14]);
  expect(operandBytes(strided)).toBe(4 * (3 * 64 * 28 * 28 + 128 * 64 * 3 * 3 + 3 * 128 * 14 * 14));
});
