import { expect, test } from 'vitest';
import { fromHuggingFace, namingOf } from './names';

test.each([
  ['resnet.embedder.embedder.convolution.weight', 'conv1.weight'],
  ['resnet.embedder.embedder.normalization.num_batches_tracked', 'bn1.num_batches_tracked'],
  ['resnet.encoder.stages.2.layers.0.layer.0.convolution.weight', 'layer3.0.conv1.weight'],
  [
    'resnet.encoder.stages.2.layers.0.layer.1.normalization.running_mean',
    'layer3.0.bn2.running_mean',
  ],
  ['resnet.encoder.stages.0.layers.1.layer.2.normalization.weight', 'layer1.1.bn3.weight'],
  ['resnet.encoder.stages.3.layers.0.shortcut.convolution.weight', 'layer4.0.downsample.0.weight'],
  ['resnet.encoder.stages.3.layers.0.shortcut.normalization.bias', 'layer4.0.downsample.1.bias'],
  ['encoder.stages.3.layers.2.layer.1.convolution.weight', 'layer4.2.conv2.weight'],
  ['classifier.1.weight', 'fc.weight'],
  ['pooler.weight', 'pooler.weight'],
  [
    'resnet.encoder.stages.3.layers.2.attention.weight',
    'resnet.encoder.stages.3.layers.2.attention.weight',
  ],
])('%s is %s', (huggingFace, torchvision) => {
  expect(fromHuggingFace(huggingFace)).toBe(torchvision);
});

test('the naming shows in the names', () => {
  expect(namingOf(['classifier.1.bias', 'resnet.embedder.embedder.convolution.weight'])).toBe(
    'huggingface',
  );
  expect(namingOf(['embedder.embedder.convolution.weight'])).toBe('huggingface');
  expect(namingOf(['conv1.weight', 'fc.bias'])).toBe('torchvision');
});
