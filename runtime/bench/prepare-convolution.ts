import { operationModules } from '../webgpu/operations';
import { packValue, unpackValue } from '../webgpu/run-operation';
import { RepeatableDispatches } from '../webgpu/repeatable-dispatches';
import { planSingleConvolution } from '../webgpu/single-convolution';
import { valueLayout } from '../webgpu/value';
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
  { operation, inputShape, outputShape }: ConvolutionCase,
  direction: Direction,
  data: CaseData,
): Promise<Prepared> {
  const [batch = 0, ...inputSize] = inputShape;
  const shape = {
    operation,
    input: valueLayout(batch, inputSize),
    output: valueLayout(batch, outputShape.slice(1)),
  };
  const weightLayout = operationModules.convolution.tensors?.(operation).get(operation.weight);
  if (!weightLayout) throw new Error('the convolution has no weight');
  const { dispatches, x, weight, dy, result } = planSingleConvolution(direction, shape);
  const repeatable = await RepeatableDispatches.create(device, dispatches);
  // What the product does not read gets no memory.
  if (direction !== 'inputGradient') repeatable.write(x.region, packValue(data.x, x.layout));
  if (direction !== 'forward') repeatable.write(dy.region, packValue(data.dy, dy.layout));
  if (direction !== 'weightGradient') {
    const packed = new Float32Array(weightLayout.bytes / 4);
    weightLayout.pack(data.weight.data, packed);
    repeatable.write(weight, packed);
  }
  return {
    run: (count) => repeatable.run(count, result),
    async result() {
      // A weight gradient is added to what is there.
      repeatable.clear(result);
      repeatable.submit(1);
      const packed = await repeatable.read(result);
      switch (direction) {
        case 'forward':
          return unpackValue(packed, shape.output, outputShape).data;
        case 'inputGradient':
          return unpackValue(packed, shape.input, inputShape).data;
        case 'weightGradient': {
          const floats = new Float32Array(data.weight.data.length);
          weightLayout.unpack(packed, floats);
          return floats;
        }
      }
    },
    dispose: () => repeatable.destroy(),
  };
}
