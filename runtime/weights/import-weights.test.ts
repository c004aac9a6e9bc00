import { expect, test } from 'vitest';
import { initialize } from '../model/initialize';
import { buildResNet, type Architecture } from '../model/resnet';
import { zeros } from '../tensor';
import { importWeights, WeightsError } from './import-weights';
import { stateDict } from './state-dict';
import { storeFloat32, type StoredTensor } from './stored-tensor';

const modelOf = (architecture: Architecture, numClasses = 10) =>
  buildResNet({
    architecture,
    numClasses,
    stem: architecture === 'resnet20' ? 'cifar' : 'imagenet',
  });
const resnet18 = modelOf('resnet18');
const state = initialize(resnet18.units, 3);
const file = stateDict(resnet18, state, 12);

/** The inverse of the import's mapping, written from Hugging Face's module tree. */
function toHuggingFace(name: string): string {
  return name
    .replace(/^fc\./, 'classifier.1.')
    .replace(/^conv1\./, 'resnet.embedder.embedder.convolution.')
    .replace(/^bn1\./, 'resnet.embedder.embedder.normalization.')
    .replace(/^layer(\d)\.(\d+)\./, (_, layer: string, block: string) => {
      return `resnet.encoder.stages.${Number(layer) - 1}.layers.${block}.`;
    })
    .replace(/\.conv(\d)\./, (_, index: string) => `.layer.${Number(index) - 1}.convolution.`)
    .replace(/\.bn(\d)\./, (_, index: string) => `.layer.${Number(index) - 1}.normalization.`)
    .replace('.downsample.0.', '.shortcut.convolution.')
    .replace('.downsample.1.', '.shortcut.normalization.');
}

test('torchvision’s names are taken as they are', () => {
  const imported = importWeights(file, resnet18);
  expect(imported.naming).toBe('torchvision');
  expect(imported.numBatchesTracked).toBe(12);
  expect(imported.replaced).toEqual([]);
  expect(imported.state.size).toBe(state.size);
  for (const [name, { shape, data }] of state) {
    const read = imported.state.get(name);
    expect(read?.shape, name).toEqual(shape);
    expect(read?.data.buffer, `${name} is not copied`).toBe(data.buffer);
    expect(read?.data.length, name).toBe(data.length);
  }
});

test.each(['resnet18', 'resnet34', 'resnet50'] as const)(
  'Hugging Face’s names of %s are mapped',
  (architecture) => {
    const model = modelOf(architecture, 3);
    const zeroState = new Map(
      [...initialize(model.units, 0)].map(([name, { shape }]) => [name, zeros(shape)]),
    );
    const torchvision = stateDict(model, zeroState, 5);
    const renamed = new Map([...torchvision].map(([name, value]) => [toHuggingFace(name), value]));
    expect(renamed.has('resnet.encoder.stages.1.layers.0.shortcut.convolution.weight')).toBe(true);
    const imported = importWeights(renamed, model);
    expect(imported.naming).toBe('huggingface');
    expect(imported.numBatchesTracked).toBe(5);
    expect([...imported.state.keys()].sort()).toEqual([...zeroState.keys()].sort());
  },
);

test('another number of classes is refused with the remedy, and fits with a fresh head', () => {
  const model = modelOf('resnet18', 37);
  const load = () => importWeights(file, model);
  expect(load).toThrow(WeightsError);
  expect(load).toThrow(
    "the weights don't fit resnet18 with 37 classes; fc.weight: expected 37x512, got 10x512; " +
      'fc.bias: expected 37, got 10; the weights are for 10 classes: ' +
      'start with a fresh head (--new-head) to fine-tune for 37',
  );
  const imported = importWeights(file, model, { replaceHead: true });
  expect(imported.replaced).toEqual(['fc.weight', 'fc.bias']);
  expect(imported.state.has('fc.weight')).toBe(false);
  expect(imported.state.size).toBe(state.size - 2);
});

test('a file without a head fits with a fresh one', () => {
  const headless = new Map([...file].filter(([name]) => !name.startsWith('fc.')));
  expect(() => importWeights(headless, resnet18)).toThrow(
    'missing: fc.weight, fc.bias; the weights are for no classes',
  );
  expect(importWeights(headless, resnet18, { replaceHead: true }).state.size).toBe(state.size - 2);
});

test('another network’s weights are refused, counting what does not fit', () => {
  expect(() => importWeights(file, modelOf('resnet34'))).toThrow(
    "the weights don't fit resnet34 with 10 classes; missing: layer1.2.conv1.weight, layer1.2.bn1.weight, " +
      'layer1.2.bn1.bias, layer1.2.conv2.weight and 76 more; ' +
      "the weights are another network's: choose the model that they were made with",
  );
  expect(() =>
    importWeights(
      stateDict(modelOf('resnet20'), initialize(modelOf('resnet20').units, 0), 0),
      resnet18,
    ),
  ).toThrow('conv1.weight: expected 64x3x7x7, got 16x3x3x3; ');
});

test('a tensor that the model does not have, and a type that is no weight, are refused', () => {
  const withMore = new Map<string, StoredTensor>(file).set('aux.weight', storeFloat32(zeros([2])));
  expect(() => importWeights(withMore, resnet18)).toThrow('not in the model: aux.weight; ');
  const whole = new Map<string, StoredTensor>(file).set('fc.bias', {
    dtype: 'I32',
    shape: [10],
    bytes: new Uint8Array(40),
  });
  expect(() => importWeights(whole, resnet18)).toThrow('fc.bias: expected floating-point numbers');
});
