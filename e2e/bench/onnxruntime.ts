import * as ort from 'onnxruntime-web/webgpu';
import type { Tensor } from '../../runtime/tensor';
import { ModelBuilder } from '../../server/engine/onnx/model-builder';
import { transpose } from '../../server/engine/onnx/operators';
import { readFloats } from '../../runtime/webgpu/read-floats';
import type { Contestant } from './contestant';
import type { ConvolutionCase } from '../../runtime/bench/convolution-case';
import { fromChannelsLast, permute, toChannelsLast } from './permute';

/**
 * ONNX Runtime: a model of one Conv, as fast as ONNX Runtime can have it. Its WebGPU kernels want
 * channels last, so the model takes and gives them so (ONNX Runtime removes the two Transposes
 * again), and the weight is a constant, which it rearranges once.
 */
export function onnxRuntime(): Contestant {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  return {
    name: `ONNX Runtime ${ort.env.versions.web ?? ''}`,
    directions: ['forward'],
    async prepare(convolution, _direction, data) {
      const session = await ort.InferenceSession.create(model(convolution, data.weight), {
        executionProviders: [{ name: 'webgpu', preferredLayout: 'NHWC' }],
      });
      const device = await ort.env.webgpu.device;
      const x = permute(data.x, toChannelsLast);
      const shape = permute(data.dy, toChannelsLast).shape;
      const bytes = data.dy.data.byteLength;
      const input = newBuffer(device, x.data.byteLength);
      device.queue.writeBuffer(input, 0, x.data.buffer);
      const output = newBuffer(device, bytes);
      const tensorOf = (buffer: GPUBuffer, dims: readonly number[]) =>
        ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims });
      const feeds = { x: tensorOf(input, x.shape) };
      const fetches = { y: tensorOf(output, shape) };
      return {
        async run(count) {
          for (let index = 0; index < count; index++) await session.run(feeds, fetches);
          await readFloats(device, output, 4);
        },
        async result() {
          await session.run(feeds, fetches);
          const floats = await readFloats(device, output, bytes);
          return permute({ shape, data: floats }, fromChannelsLast).data;
        },
        async dispose() {
          await session.release();
          input.destroy();
          output.destroy();
        },
      };
    },
  };
}

function newBuffer(device: GPUDevice, size: number): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  return device.createBuffer({ size, usage });
}

function model(convolution: ConvolutionCase, weight: Tensor): Uint8Array {
  const { inputShape, outputShape, operation } = convolution;
  const { kernel, stride, padding } = operation;
  const graph = new ModelBuilder('convolution');
  const x = graph.input(
    'x',
    toChannelsLast.map((axis) => inputShape[axis] ?? 0),
  );
  const y = graph.node(
    'Conv',
    [transpose(graph, x, fromChannelsLast), graph.floats(weight.shape, weight.data)],
    outputShape,
    {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [padding, padding, padding, padding],
    },
  );
  graph.output('y', transpose(graph, y, toChannelsLast));
  return graph.encode();
}
