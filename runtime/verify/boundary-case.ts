import { elementCount, formatShape, type Shape } from '../tensor';
import { allocate } from '../webgpu/memory';
import { boundaryBytes, fromBoundary, toBoundary } from '../webgpu/operations/boundary';
import { runDispatches } from '../webgpu/run-dispatches';
import { packValue } from '../webgpu/run-operation';
import { valueBytes, valueLayout } from '../webgpu/value';
import type { VerificationCase } from './case';
import { compare } from './comparison';
import { normal } from './values';

/** A tensor across a stage boundary: from NCHW into the kernels' layout, and back. */
export function boundaryCase(shape: Shape): VerificationCase {
  return {
    op: 'boundary layout',
    shape: formatShape(shape),
    against: 'float64',
    cost: elementCount(shape),
    async run({ device }) {
      const [batch = 0, ...sample] = shape;
      const layout = valueLayout(batch, sample);
      const tensor = normal(`boundary ${formatShape(shape)}`, shape);
      const input = allocate('input', boundaryBytes(layout));
      const output = allocate('output', boundaryBytes(layout));
      const value = { layout, region: allocate('value', valueBytes(layout)) };
      const [blocks, back] = await runDispatches(
        device,
        [fromBoundary(input, value), toBoundary(value, output)],
        new Map([
          [input, tensor.data],
          [value.region, new Float32Array(valueBytes(layout) / 4).fill(NaN)],
          [output, new Float32Array(tensor.data.length).fill(NaN)],
        ]),
        [value.region, output],
      );
      return [
        compare('from NCHW', blocks, Float64Array.from(packValue(tensor, layout))),
        compare('to NCHW', back, Float64Array.from(tensor.data)),
      ];
    },
  };
}
