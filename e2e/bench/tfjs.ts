import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '../../runtime/tensor';
import type { Contestant } from './contestant';
import { directions, resultShape, weightShape } from '../../runtime/bench/convolution-case';
import {
  fromChannelsLast,
  fromFiltersLast,
  permute,
  toChannelsLast,
  toFiltersLast,
} from './permute';

type Shape4 = [number, number, number, number];

/** TensorFlow.js: the kernels that `tf.conv2d` and its gradient run, in its own layout (NHWC). */
export async function tfjs(): Promise<Contestant> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('its WebGPU backend did not start');
  await tf.ready();
  return {
    name: `TensorFlow.js ${tf.version_core}`,
    directions,
    async prepare(convolution, direction, data) {
      const { stride, padding } = convolution.operation;
      const x = upload(permute(data.x, toChannelsLast));
      const filter = upload(permute(data.weight, toFiltersLast));
      const dy = upload(permute(data.dy, toChannelsLast));
      const window = {
        strides: stride,
        pad: padding,
        dimRoundingMode: 'floor',
        dataFormat: 'NHWC',
      };
      const filterShape = permutedShape(weightShape(convolution), toFiltersLast);
      const compute = (): tf.Tensor4D => {
        switch (direction) {
          case 'forward':
            return tf.conv2d(x, filter, stride, padding, 'NHWC', [1, 1], 'floor');
          case 'inputGradient':
            return tf
              .engine()
              .runKernel(
                tf.Conv2DBackpropInput,
                { dy, filter },
                { ...window, inputShape: x.shape },
              );
          case 'weightGradient':
            return tf
              .engine()
              .runKernel(tf.Conv2DBackpropFilter, { x, dy }, { ...window, filterShape });
        }
      };
      return Promise.resolve({
        async run(count) {
          let last = compute();
          for (let index = 1; index < count; index++) {
            last.dispose();
            last = compute();
          }
          const value = tf.slice(last, [0, 0, 0, 0], [1, 1, 1, 1]);
          await value.data();
          tf.dispose([last, value]);
        },
        async result() {
          const result = compute();
          const filters = direction === 'weightGradient';
          const order = filters ? toFiltersLast : toChannelsLast;
          const floats = (await result.data()) as Float32Array;
          result.dispose();
          const shape = permutedShape(resultShape(convolution, direction), order);
          const back = filters ? fromFiltersLast : fromChannelsLast;
          return permute({ shape, data: floats }, back).data;
        },
        dispose() {
          tf.dispose([x, filter, dy]);
        },
      });
    },
  };
}

function upload({ shape, data }: Tensor): tf.Tensor4D {
  return tf.tensor4d(data, shape as Shape4);
}

function permutedShape(shape: readonly number[], order: readonly number[]): number[] {
  return order.map((axis) => shape[axis] ?? 0);
}
