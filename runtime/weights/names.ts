/** Whose names a file's tensors carry; ours are torchvision's. */
export type Naming = 'torchvision' | 'huggingface';

/** Hugging Face's `ResNetForImageClassification`, and `ResNetModel`, which lacks `resnet.` and the head. */
const huggingFace = /^(resnet\.)?(embedder|encoder)\./;

export function namingOf(names: Iterable<string>): Naming {
  for (const name of names) if (huggingFace.test(name)) return 'huggingface';
  return 'torchvision';
}

/**
 * The torchvision name of a Hugging Face tensor; a name that follows no rule stays as it is.
 *
 *     resnet.embedder.embedder.convolution.weight                     conv1.weight
 *     resnet.embedder.embedder.normalization.bias                     bn1.bias
 *     resnet.encoder.stages.2.layers.0.layer.1.convolution.weight     layer3.0.conv2.weight
 *     resnet.encoder.stages.2.layers.0.layer.1.normalization.bias     layer3.0.bn2.bias
 *     resnet.encoder.stages.2.layers.0.shortcut.convolution.weight    layer3.0.downsample.0.weight
 *     resnet.encoder.stages.2.layers.0.shortcut.normalization.bias    layer3.0.downsample.1.bias
 *     classifier.1.weight                                             fc.weight
 */
export function fromHuggingFace(name: string): string {
  const parts = name.replace(/^resnet\./, '').split('.');
  const [root, ...path] = parts;
  if (root === 'classifier' && path[0] === '1') return ['fc', ...path.slice(1)].join('.');
  if (root === 'embedder' && path[0] === 'embedder') {
    return rename(path.slice(1), 'conv1', 'bn1') ?? name;
  }
  const [stages, stage, layers, block, part, ...rest] = path;
  if (root !== 'encoder' || stages !== 'stages' || layers !== 'layers') return name;
  const unit = `layer${Number(stage) + 1}.${block ?? ''}`;
  if (part === 'shortcut') {
    return rename(rest, `${unit}.downsample.0`, `${unit}.downsample.1`) ?? name;
  }
  const index = Number(rest[0]) + 1;
  return rename(rest.slice(1), `${unit}.conv${index}`, `${unit}.bn${index}`) ?? name;
}

/** `convolution.TENSOR` or `normalization.TENSOR` under torchvision's module names. */
function rename(
  [module, ...tensor]: readonly string[],
  convolution: string,
  normalization: string,
): string | undefined {
  if (module === 'convolution') return [convolution, ...tensor].join('.');
  if (module === 'normalization') return [normalization, ...tensor].join('.');
  return undefined;
}
