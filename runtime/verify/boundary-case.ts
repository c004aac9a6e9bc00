import type { Precision } from '../engine';
import { elementCount, formatShape, type Shape } from '../tensor';
import { allocate } from '../webgpu/memory';
import { boundaryBytes, fromBoundary, toBoundary } from '../webgpu/operations/boundary';
import { inPrecision } from '../webgpu/precision';
import { runDispatches } from '../webgpu/run-dispatches';
import { loadValue, packValue } from '../webgpu/run-operation';
import { valueBytes, valueLayout } from '../webgpu/value';
import type { VerificationCase } from './case';
import { compare } from './comparison';
import { opName } from './operation-case';
import { normal, storable } from './values';

/** A tensor across a stage boundary: from NCHW into the kernels' layout, and back. */
export function boundaryCase(shape: Shape, precision: Precision = 'f32'): VerificationCase {
  return {
    op: opName('boundary layout', precision),
    shape: formatShape(shape),
    against: 'float64',
    cost: elementCount(shape),
    async run({ device }) {
      const [batch = 0, ...sample] = shape;
      const layout = valueLayout(batch, sample);
      const tensor = storable(normal(`boundary ${formatShape(shape)}`, shape), precision);
      const input = allocate('input', boundaryBytes(layout));
      const output = allocate('output', boundaryBytes(layout));
      const value = { layout, region: allocate('value', valueBytes(layout, precision)) };
      const [blocks, back] = await runDispatches(
        device,
        inPrecision([fromBoundary(input, value, 4), toBoundary(value, output, 1 / 4)], precision),
        new Map([
          [input, tensor.data],
          [value.region, new Float32Array(value.region.bytes / 4).fill(NaN)],
          [output, new Float32Array(tensor.data.length).fill(NaN)],
        ]),
        [value.region, output],
      );
      return [
        compare(
          'from NCHW',
          blocks && loadValue(blocks, precision),
          Float64Array.from(packValue(tensor, layout), (number) => 4 * number),
        ),
        compare('to NCHW', back, Float64Array.from(tensor.data)),
      ];
    },
  };
}
