import type { Precision } from '../engine';
import { fromHalf, toHalf } from '../half';
import type { Operation } from '../model/graph';
import { tensor, type NamedTensors, type Shape, type Tensor } from '../tensor';
import { allocate, type Region } from './memory';
import type { InputGradient, OperationContext, OperationModule } from './operation';
import { inPrecision } from './precision';
import { runDispatches, type StoredNumbers } from './run-dispatches';
import type { TensorLayout } from './tensor-layout';
import { valueBytes, valueLayout, type Value, type ValueLayout } from './value';

export interface OperationInputs {
  /** The values that the operation reads, by name; (N, C, H, W) or (N, C). */
  readonly values: Readonly<Record<string, Tensor>>;
  readonly outputShape: Shape;
  /** Parameters and running statistics, by name. */
  readonly tensors?: NamedTensors;
  readonly outputGradient?: Tensor;
  /** What is in the input gradients already; they are overwritten where absent. */
  readonly inputGradients?: Readonly<Record<string, Tensor>>;
  /** What is in the parameters' gradients already; zero where absent. */
  readonly tensorGradients?: NamedTensors;
  /** How values and their gradients are stored; f32 where absent. */
  readonly precision?: Precision;
}

export interface OperationResults {
  readonly output: Tensor;
  readonly inputGradients: Readonly<Record<string, Tensor>>;
  /** With the running statistics as the forward pass left them. */
  readonly tensors: NamedTensors;
  readonly tensorGradients: NamedTensors;
}

/**
 * Runs one operation by itself, forward (in training or evaluation) and, where there is an output
 * gradient, both backward halves: how an operation is checked against its reference.
 */
export async function runOperation<Kind extends Operation>(
  device: GPUDevice,
  module: OperationModule<Kind>,
  operation: Kind,
  inputs: OperationInputs,
  mode: 'training' | 'evaluation' = 'training',
): Promise<OperationResults> {
  const batch = Object.values(inputs.values)[0]?.shape[0] ?? 0;
  const { precision = 'f32' } = inputs;
  const contents = new Map<Region, StoredNumbers>();
  const shapes: Record<string, Shape> = { [operation.output]: inputs.outputShape };
  for (const [name, { shape }] of Object.entries(inputs.values)) shapes[name] = shape;
  const newValue = (name: string, suffix: string): Value => {
    const layout = valueLayout(batch, (shapes[name] ?? []).slice(1));
    return { layout, region: allocate(name + suffix, valueBytes(layout, precision)) };
  };
  const values = keyed((name: string) => {
    const value = newValue(name, '');
    const held = inputs.values[name];
    // NaN shows a kernel that leaves a part of its output unwritten.
    contents.set(
      value.region,
      held ? storeValue(held, value.layout, precision) : garbage(value.region),
    );
    return value;
  });
  const gradients = keyed((name: string) => {
    const value = newValue(name, '.gradient');
    const given = name === operation.output ? inputs.outputGradient : inputs.inputGradients?.[name];
    contents.set(
      value.region,
      given ? storeValue(given, value.layout, precision) : garbage(value.region),
    );
    return value;
  });
  const layouts = module.tensors?.(operation) ?? new Map<string, TensorLayout>();
  const regionsOf = (source: NamedTensors | undefined): Map<string, Region> =>
    new Map(
      [...layouts].map(([name, layout]) => {
        const region = allocate(name, layout.bytes);
        const packed = new Float32Array(layout.bytes / 4);
        const held = source?.get(name);
        if (held) layout.pack(held.data, packed);
        contents.set(region, packed);
        return [name, region];
      }),
    );
  const tensors = regionsOf(inputs.tensors);
  const tensorGradients = regionsOf(inputs.tensorGradients);
  const contributed = new Set(Object.keys(inputs.inputGradients ?? {}));
  const context: OperationContext = {
    value: values,
    outputGradient: gradients,
    inputGradient(name): InputGradient {
      const accumulate = contributed.has(name);
      contributed.add(name);
      return { ...gradients(name), accumulate };
    },
    tensor: (name) => tensors.get(name) ?? fail(name),
    tensorGradient: (name) => tensorGradients.get(name) ?? fail(name),
    buffer: keyed((label, bytes: number) => {
      const region = allocate(label, bytes);
      contents.set(region, garbage(region));
      return region;
    }),
  };

  const forward =
    mode === 'evaluation' && module.evaluate
      ? module.evaluate(operation, context)
      : module.forward(operation, context);
  const dispatches = [...forward];
  if (inputs.outputGradient) {
    dispatches.push(...module.backwardInput(operation, context));
    dispatches.push(...(module.backwardWeight?.(operation, context) ?? []));
  }

  const output = values(operation.output);
  const wanted = [...contributed].map((name) => [name, gradients(name)] as const);
  const held = await runDispatches(device, inPrecision(dispatches, precision), contents, [
    output.region,
    ...wanted.map(([, { region }]) => region),
    ...tensors.values(),
    ...tensorGradients.values(),
  ]);
  const next = (): Float32Array => held.shift() ?? fail('result');
  const namedTensors = (source: NamedTensors | undefined): NamedTensors =>
    new Map(
      [...layouts].map(([name, layout]) => {
        const shape = source?.get(name)?.shape ?? inputs.tensors?.get(name)?.shape ?? fail(name);
        const data = new Float32Array(shape.reduce((count, size) => count * size, 1));
        layout.unpack(next(), data);
        return [name, { shape, data }];
      }),
    );
  return {
    output: unpackValue(loadValue(next(), precision), output.layout, inputs.outputShape),
    inputGradients: Object.fromEntries(
      wanted.map(([name, { layout }]) => [
        name,
        unpackValue(loadValue(next(), precision), layout, shapes[name] ?? []),
      ]),
    ),
    tensors: namedTensors(inputs.tensors),
    tensorGradients: namedTensors(inputs.tensorGradients),
  };
}

/** The index in NHWC blocks of each element of a tensor in NCHW order. */
function* places({ batch, height, width, channels, blocks }: ValueLayout): Generator<number> {
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let pixel = 0; pixel < height * width; pixel++)
        yield (n * height * width + pixel) * blocks * 4 + c;
}

/** A tensor as it lies in GPU memory. */
export function packValue({ data }: Tensor, layout: ValueLayout): Float32Array {
  const packed = new Float32Array(valueBytes(layout) / 4);
  let index = 0;
  for (const place of places(layout)) packed[place] = data[index++] ?? NaN;
  return packed;
}

/** A tensor as it lies in GPU memory where values are stored so. */
function storeValue(
  value: Tensor,
  layout: ValueLayout,
  precision: Precision,
): Float32Array | Uint16Array {
  const packed = packValue(value, layout);
  return precision === 'f16' ? Uint16Array.from(packed, toHalf) : packed;
}

/** The numbers of a value that was read back. */
export function loadValue(held: Float32Array, precision: Precision): Float32Array {
  if (precision === 'f32') return held;
  return Float32Array.from(
    new Uint16Array(held.buffer, held.byteOffset, held.length * 2),
    fromHalf,
  );
}

/** Throws where the lanes behind the last channel are not zero. */
export function unpackValue(packed: Float32Array, layout: ValueLayout, shape: Shape): Tensor {
  const data = Float32Array.from(places(layout), (place) => packed[place] ?? NaN);
  packed.forEach((value, index) => {
    if (index % (layout.blocks * 4) >= layout.channels && value !== 0) {
      throw new Error(`expected zeros behind channel ${layout.channels}, got ${value}`);
    }
  });
  return tensor(shape, data);
}

function garbage({ bytes }: Region): Float32Array {
  return new Float32Array(bytes / 4).fill(NaN);
}

function keyed<Rest extends unknown[], Result>(
  make: (name: string, ...rest: Rest) => Result,
): (name: string, ...rest: Rest) => Result {
  const made = new Map<string, Result>();
  return (name, ...rest) => {
    const known = made.get(name) ?? make(name, ...rest);
    made.set(name, known);
    return known;
  };
}

function fail(name: string): never {
  throw new Error(`the operation owns no tensor '${name}'`);
}
