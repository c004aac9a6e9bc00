import type { Tensor } from '../tensor';
import { allocate, type Region } from '../webgpu/memory';
import type { OperationContext } from '../webgpu/operation';
import { operationModules } from '../webgpu/operations';
import { RepeatableDispatches } from '../webgpu/repeatable-dispatches';
import { packValue, unpackValue } from '../webgpu/run-operation';
import { valueBytes, valueLayout, type Value } from '../webgpu/value';
import type { CaseData, ConvolutionCase, Direction } from './convolution-case';

/** A convolution with its operands on the device, compiled, ready to be run any number of times. */
export interface Prepared {
  /** Issues `count` runs, then resolves when one value of the last one's result has been read. */
  run(count: number): Promise<void>;
  /** Runs once; the whole result, (N, C, H, W) or (out, in, kernel, kernel). */
  result(): Promise<Float32Array>;
  dispose(): void | Promise<void>;
}

/** One direction of a convolution in Tandem's kernels, through the operation that the engine runs. */
export async function prepareConvolution(
  device: GPUDevice,
  convolution: ConvolutionCase,
  direction: Direction,
  data: CaseData,
): Promise<Prepared> {
  const { operation } = convolution;
  const module = operationModules.convolution;
  const weightLayout = module.tensors?.(operation).get(operation.weight);
  if (!weightLayout) throw new Error('the convolution has no weight');
  const input = newValue('input', data.x);
  const output = newValue('output', data.dy);
  const weight = allocate('weight', weightLayout.bytes);
  const result =
    direction === 'forward'
      ? newValue('result', data.dy).region
      : direction === 'inputGradient'
        ? newValue('result', data.x).region
        : allocate('result', weightLayout.bytes);
  const buffers = new Map<string, Region>();
  const context: OperationContext = {
    value: (name) => (name === operation.input ? input : { layout: output.layout, region: result }),
    outputGradient: () => output,
    inputGradient: () => ({ layout: input.layout, region: result, accumulate: false }),
    tensor: () => weight,
    tensorGradient: () => result,
    buffer: (label, bytes) => {
      const region = buffers.get(label) ?? allocate(label, bytes);
      buffers.set(label, region);
      return region;
    },
  };
  const dispatches =
    direction === 'forward'
      ? module.forward(operation, context)
      : direction === 'inputGradient'
        ? module.backwardInput(operation, context)
        : (module.backwardWeight?.(operation, context) ?? []);

  const repeatable = await RepeatableDispatches.create(device, dispatches);
  repeatable.write(input.region, packValue(data.x, input.layout));
  repeatable.write(output.region, packValue(data.dy, output.layout));
  const packedWeight = new Float32Array(weightLayout.bytes / 4);
  weightLayout.pack(data.weight.data, packedWeight);
  repeatable.write(weight, packedWeight);
  return {
    run: (count) => repeatable.run(count, result),
    async result() {
      // A weight gradient is added to what is there.
      repeatable.clear(result);
      repeatable.submit(1);
      const packed = await repeatable.read(result);
      if (direction === 'weightGradient') {
        const floats = new Float32Array(data.weight.data.length);
        weightLayout.unpack(packed, floats);
        return floats;
      }
      const value = direction === 'forward' ? output : input;
      const { shape } = direction === 'forward' ? data.dy : data.x;
      return unpackValue(packed, value.layout, shape).data;
    },
    dispose: () => repeatable.destroy(),
  };
}

function newValue(label: string, { shape }: Tensor): Value {
  const layout = valueLayout(shape[0] ?? 0, shape.slice(1));
  return { layout, region: allocate(label, valueBytes(layout)) };
}
