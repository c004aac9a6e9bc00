import { tensor, type Tensor } from '../../runtime/tensor';
import { bind, compileKernels, encode, ParamsArena } from '../../runtime/webgpu/commands';
import { allocate, type Allocation, type Region } from '../../runtime/webgpu/memory';
import type { OperationContext } from '../../runtime/webgpu/operation';
import { operationModules } from '../../runtime/webgpu/operations';
import { packValue, unpackValue } from '../../runtime/webgpu/run-operation';
import { valueBytes, valueLayout, type Value } from '../../runtime/webgpu/value';
import { readFloats, type Contestant, type Prepared } from './contestant';
import {
  directions,
  weightShape,
  type CaseData,
  type ConvolutionCase,
  type Direction,
} from './convolution-case';

/** Tandem's own kernels, through the operation that the engine runs. */
export function tandem(device: GPUDevice): Contestant {
  return {
    name: 'Tandem',
    directions,
    prepare: (convolution, direction, data) => prepare(device, convolution, direction, data),
  };
}

async function prepare(
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

  const compiled = await compileKernels(device, dispatches);
  const params = new ParamsArena(dispatches);
  params.upload(device);
  const memory = new Map<Allocation, GPUBuffer>();
  const bufferOf = (allocation: Allocation): GPUBuffer => {
    const known = memory.get(allocation);
    if (known) return known;
    const { label, bytes: size } = allocation;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ label, size, usage });
    memory.set(allocation, buffer);
    return buffer;
  };
  const commands = dispatches.map((each) => bind(device, compiled, params, bufferOf, each));
  const write = ({ allocation }: Region, floats: Float32Array): void => {
    device.queue.writeBuffer(bufferOf(allocation), 0, floats.buffer);
  };
  write(input.region, packValue(data.x, input.layout));
  write(output.region, packValue(data.dy, output.layout));
  const packedWeight = new Float32Array(weightLayout.bytes / 4);
  weightLayout.pack(data.weight.data, packedWeight);
  write(weight, packedWeight);

  const submit = (): void => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encode(pass, commands);
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
  const resultBuffer = bufferOf(result.allocation);
  return {
    async run(count) {
      for (let index = 0; index < count; index++) submit();
      await readFloats(device, resultBuffer, 4);
    },
    async result() {
      const encoder = device.createCommandEncoder();
      // A weight gradient is added to what is there.
      encoder.clearBuffer(resultBuffer);
      device.queue.submit([encoder.finish()]);
      submit();
      const packed = await readFloats(device, resultBuffer, result.bytes);
      if (direction === 'weightGradient') {
        const { shape, data: floats } = tensor(
          weightShape(convolution),
          new Float32Array(data.weight.data.length),
        );
        weightLayout.unpack(packed, floats);
        return tensor(shape, floats).data;
      }
      const value = direction === 'forward' ? output : input;
      const { shape } = direction === 'forward' ? data.dy : data.x;
      return unpackValue(packed, value.layout, shape).data;
    },
    dispose() {
      for (const buffer of memory.values()) buffer.destroy();
      params.destroy();
    },
  };
}

function newValue(label: string, { shape }: Tensor): Value {
  const layout = valueLayout(shape[0] ?? 0, shape.slice(1));
  return { layout, region: allocate(label, valueBytes(layout)) };
}
