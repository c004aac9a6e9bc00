import { expect, test } from 'vitest';
import { dawnFixture } from '../../../server/engine/dawn-fixture';
import { elementCount, tensor } from '../../tensor';
import { allocate } from '../memory';
import { runDispatches } from '../run-dispatches';
import { packValue } from '../run-operation';
import { valueBytes, valueLayout } from '../value';
import { boundaryBytes, fromBoundary, toBoundary } from './boundary';

const fixture = dawnFixture();

test.each([[[2, 3, 5, 7]], [[3, 10]], [[1, 8, 4, 4]], [[2, 1, 3, 3]]])(
  'NCHW to NHWC blocks and back, shape %j',
  async (shape) => {
    const [batch = 0, ...sample] = shape;
    const layout = valueLayout(batch, sample);
    const data = Float32Array.from({ length: elementCount(shape) }, (_, index) => index + 1);
    const input = allocate('input', boundaryBytes(layout));
    const output = allocate('output', boundaryBytes(layout));
    const value = { layout, region: allocate('value', valueBytes(layout)) };
    const [blocks, back] = await runDispatches(
      fixture.device,
      [fromBoundary(input, value), toBoundary(value, output)],
      new Map([
        [input, data],
        [value.region, new Float32Array(valueBytes(layout) / 4).fill(NaN)],
      ]),
      [value.region, output],
    );
    expect(blocks).toEqual(packValue(tensor(shape, data), layout));
    expect(back).toEqual(data);
  },
);

test('blocks of four channels, the last filled up with zeros', async () => {
  const layout = valueLayout(1, [5, 1, 2]);
  const input = allocate('input', boundaryBytes(layout));
  const value = { layout, region: allocate('value', valueBytes(layout)) };
  const data = new Float32Array([11, 12, 21, 22, 31, 32, 41, 42, 51, 52]);
  const [blocks = []] = await runDispatches(
    fixture.device,
    [fromBoundary(input, value)],
    new Map([[input, data]]),
    [value.region],
  );
  expect([...blocks]).toEqual([11, 21, 31, 41, 51, 0, 0, 0, 12, 22, 32, 42, 52, 0, 0, 0]);
});
