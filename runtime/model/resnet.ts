import type { Model, Operation, TensorSpec, Unit } from './graph';

/** What names a network completely; crosses the wire and stands in `run.json`. */
export interface ModelConfig {
  readonly architecture: Architecture;
  readonly numClasses: number;
  /** `imagenet`: 7x7 stride 2 and max pool; `cifar`: 3x3 stride 1. */
  readonly stem: 'imagenet' | 'cifar';
}

export const architectures = ['resnet18', 'resnet34', 'resnet50', 'resnet20'] as const;
export type Architecture = (typeof architectures)[number];

interface Layout {
  readonly block: 'basic' | 'bottleneck';
  readonly blocks: readonly number[];
  readonly widths: readonly number[];
  readonly stemWidth: number;
  /** Where a block changes the shape: a 1x1 convolution, or zero padding (CIFAR, option A). */
  readonly shortcut: 'projection' | 'padding';
}

const imagenet = { widths: [64, 128, 256, 512], stemWidth: 64, shortcut: 'projection' } as const;

const layouts: Record<Architecture, Layout> = {
  resnet18: { ...imagenet, block: 'basic', blocks: [2, 2, 2, 2] },
  resnet34: { ...imagenet, block: 'basic', blocks: [3, 4, 6, 3] },
  resnet50: { ...imagenet, block: 'bottleneck', blocks: [3, 4, 6, 3] },
  resnet20: {
    block: 'basic',
    blocks: [3, 3, 3],
    widths: [16, 32, 64],
    stemWidth: 16,
    shortcut: 'padding',
  },
};

/** The stem that an architecture was published with. */
export function defaultStem(architecture: Architecture): ModelConfig['stem'] {
  return architecture === 'resnet20' ? 'cifar' : 'imagenet';
}

/**
 * The units of a ResNet: `stem`, `layer1.0` …, `head`. Parameters carry torchvision's names.
 * Source: He et al. 2015 (arXiv 1512.03385); the bottleneck's stride sits on its 3x3 convolution
 * as in torchvision.
 */
export function buildResNet({ architecture, numClasses, stem }: ModelConfig): Model {
  const layout = layouts[architecture];
  const expansion = layout.block === 'bottleneck' ? 4 : 1;
  const units = [stemUnit(layout.stemWidth, stem)];
  let channels = layout.stemWidth;
  layout.blocks.forEach((count, layer) => {
    const width = layout.widths[layer] ?? 0;
    for (let index = 0; index < count; index++) {
      const stride = layer > 0 && index === 0 ? 2 : 1;
      const name = `layer${layer + 1}.${index}`;
      units.push(blockUnit(name, layout, channels, width, width * expansion, stride));
      channels = width * expansion;
    }
  });
  units.push(headUnit(channels, numClasses));
  return { architecture, numClasses, units };
}

/** Collects a unit's operations and the tensors that they own. */
class UnitBuilder {
  readonly operations: Operation[] = [];
  readonly parameters: TensorSpec[] = [];
  readonly buffers: TensorSpec[] = [];
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  convolution(
    name: string,
    input: string,
    shape: { inChannels: number; outChannels: number; kernel: number; stride: number },
  ): string {
    const { inChannels, outChannels, kernel } = shape;
    const weight = `${this.#prefix}${name}.weight`;
    this.parameters.push({
      name: weight,
      shape: [outChannels, inChannels, kernel, kernel],
      initialization: { kind: 'kaimingNormal', fanOut: outChannels * kernel * kernel },
    });
    const padding = (kernel - 1) / 2;
    this.operations.push({ kind: 'convolution', input, output: name, weight, ...shape, padding });
    return name;
  }

  batchNorm(name: string, input: string, channels: number): string {
    const owned = (tensor: string, value: number): TensorSpec => ({
      name: `${this.#prefix}${name}.${tensor}`,
      shape: [channels],
      initialization: { kind: 'constant', value },
    });
    const weight = owned('weight', 1);
    const bias = owned('bias', 0);
    const runningMean = owned('running_mean', 0);
    const runningVar = owned('running_var', 1);
    this.parameters.push(weight, bias);
    this.buffers.push(runningMean, runningVar);
    this.operations.push({
      kind: 'batchNorm',
      input,
      output: name,
      weight: weight.name,
      bias: bias.name,
      runningMean: runningMean.name,
      runningVar: runningVar.name,
      channels,
      epsilon: 1e-5,
      momentum: 0.1,
    });
    return name;
  }

  relu(name: string, input: string): string {
    this.operations.push({ kind: 'relu', input, output: name });
    return name;
  }

  unit(name: string, output: string): Unit {
    const { operations, parameters, buffers } = this;
    return { name, operations, parameters, buffers, output };
  }
}

function stemUnit(width: number, stem: ModelConfig['stem']): Unit {
  const unit = new UnitBuilder('');
  const shape =
    stem === 'imagenet' ? { kernel: 7, stride: 2 } : ({ kernel: 3, stride: 1 } as const);
  const conv = unit.convolution('conv1', 'input', { inChannels: 3, outChannels: width, ...shape });
  const relu = unit.relu('relu', unit.batchNorm('bn1', conv, width));
  if (stem === 'cifar') return unit.unit('stem', relu);
  unit.operations.push({
    kind: 'maxPool',
    input: relu,
    output: 'maxpool',
    kernel: 3,
    stride: 2,
    padding: 1,
  });
  return unit.unit('stem', 'maxpool');
}

function blockUnit(
  name: string,
  layout: Layout,
  inChannels: number,
  width: number,
  outChannels: number,
  stride: number,
): Unit {
  const unit = new UnitBuilder(`${name}.`);
  const branch =
    layout.block === 'basic'
      ? [
          { inChannels, outChannels: width, kernel: 3, stride },
          { inChannels: width, outChannels: width, kernel: 3, stride: 1 },
        ]
      : [
          { inChannels, outChannels: width, kernel: 1, stride: 1 },
          { inChannels: width, outChannels: width, kernel: 3, stride },
          { inChannels: width, outChannels, kernel: 1, stride: 1 },
        ];
  let value = 'input';
  branch.forEach((shape, index) => {
    const conv = unit.convolution(`conv${index + 1}`, value, shape);
    value = unit.batchNorm(`bn${index + 1}`, conv, shape.outChannels);
    if (index < branch.length - 1) value = unit.relu(`relu${index + 1}`, value);
  });
  let shortcut = 'input';
  if (inChannels !== outChannels || stride !== 1) {
    if (layout.shortcut === 'projection') {
      const shape = { inChannels, outChannels, kernel: 1, stride };
      const conv = unit.convolution('downsample.0', 'input', shape);
      shortcut = unit.batchNorm('downsample.1', conv, outChannels);
    } else {
      shortcut = 'shortcut';
      unit.operations.push({
        kind: 'padShortcut',
        input: 'input',
        output: shortcut,
        inChannels,
        outChannels,
        stride,
      });
    }
  }
  unit.operations.push({ kind: 'add', input: value, other: shortcut, output: 'add' });
  return unit.unit(name, unit.relu('relu', 'add'));
}

function headUnit(inFeatures: number, outFeatures: number): Unit {
  const unit = new UnitBuilder('');
  const bound = 1 / Math.sqrt(inFeatures);
  const owned = (name: string, shape: readonly number[]): TensorSpec => ({
    name,
    shape,
    initialization: { kind: 'uniform', bound },
  });
  unit.parameters.push(owned('fc.weight', [outFeatures, inFeatures]));
  unit.parameters.push(owned('fc.bias', [outFeatures]));
  unit.operations.push(
    { kind: 'globalAveragePool', input: 'input', output: 'avgpool' },
    {
      kind: 'linear',
      input: 'avgpool',
      output: 'fc',
      weight: 'fc.weight',
      bias: 'fc.bias',
      inFeatures,
      outFeatures,
    },
  );
  return unit.unit('head', 'fc');
}
