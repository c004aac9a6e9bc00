import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { normal, relativeError } from '../stage-fixture';
import { convolutionWeightGradient } from '../operations/convolution';
import { findBlockSize } from './block-size';
import { unblockWeights } from './blocked-weights';
import { laidOut } from './layout';
import { ModelBuilder } from './model-builder';

const blockSize = await findBlockSize();

// Too large for the cache, so cut into bands: with blocks of 16 they are of 17 rows, of 1, and of 9.
const cases = [
  ['two bands', { stride: 1, kernel: 3, inChannels: 32, outChannels: 16 }, [34, 31]],
  ['a row a band', { stride: 1, kernel: 3, inChannels: 16, outChannels: 32 }, [3, 500]],
  ['stride 2, even size', { stride: 2, kernel: 3, inChannels: 16, outChannels: 64 }, [36, 48]],
  ['stride 2, odd size', { stride: 2, kernel: 5, inChannels: 32, outChannels: 64 }, [35, 47]],
] as const;

test.runIf(blockSize !== undefined).each(cases)(
  'in bands, as by standard operators: %s',
  async (_name, sizes, [height, width]) => {
    const size = blockSize ?? 1;
    const { stride, kernel, inChannels, outChannels } = sizes;
    const padding = (kernel - 1) / 2;
    const ends = { input: 'input', output: 'output', weight: 'weight' };
    const operation = { kind: 'convolution', ...ends, ...sizes, padding } as const;
    const shape = [outChannels, inChannels, kernel, kernel];
    const outputSize = [height, width].map((pixels) => Math.ceil(pixels / stride));
    const input = normal([size, inChannels, height, width], 'input');
    const gradient = normal([size, outChannels, ...outputSize], 'gradient');

    const graph = new ModelBuilder('weight gradients');
    const x = graph.input('x', input.shape);
    const dy = graph.input('dy', gradient.shape);
    for (const order of [undefined, size]) {
      const result = convolutionWeightGradient(
        graph,
        operation,
        laidOut(graph, x, order),
        laidOut(graph, dy, order),
        { rotated: false, blockSize: order },
      );
      graph.output(order === undefined ? 'expected' : 'actual', result);
    }
    const session = await ort.InferenceSession.create(graph.encode(), { intraOpNumThreads: 1 });
    const { actual, expected } = await session.run({
      x: new ort.Tensor('float32', input.data, input.shape),
      dy: new ort.Tensor('float32', gradient.data, gradient.shape),
    });
    await session.release();
    const plain = unblockWeights(actual?.data as Float32Array, shape, size);
    const wanted = { shape, data: expected?.data as Float32Array };
    expect(relativeError({ shape, data: plain }, wanted)).toBeLessThan(1e-5);
  },
);
