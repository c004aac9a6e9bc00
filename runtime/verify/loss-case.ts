import { Random } from '../random';
import { softmaxCrossEntropy as reference } from '../reference/softmax-cross-entropy';
import { toFloat64 } from '../reference/tensor64';
import { allocate, type Region } from '../webgpu/memory';
import { softmaxCrossEntropy } from '../webgpu/operations/softmax-cross-entropy';
import { runDispatches } from '../webgpu/run-dispatches';
import { packValue, unpackValue } from '../webgpu/run-operation';
import { valueBytes, valueLayout } from '../webgpu/value';
import type { VerificationCase } from './case';
import { compare } from './comparison';
import { levels, normal } from './values';

export interface LossCaseOptions {
  readonly labelSmoothing: number;
  /** Only three different logits, so that most samples have several largest ones. */
  readonly ties?: boolean;
}

/** Softmax cross-entropy of `batch` samples: loss, count of right answers, gradient. */
export function lossCase(
  batch: number,
  classes: number,
  { labelSmoothing, ties }: LossCaseOptions,
): VerificationCase {
  const smoothing = labelSmoothing > 0 ? `, label smoothing ${labelSmoothing}` : '';
  const shape = `${batch}x${classes}${smoothing}${ties ? ', with ties' : ''}`;
  const numMicroBatches = 3;
  return {
    op: 'softmax cross-entropy',
    shape,
    against: 'float64',
    cost: 4 * batch * classes,
    async run({ device }) {
      const make = ties ? levels : (key: string, of: number[]) => normal(key, of, 3);
      const logits = make(`loss ${shape}`, [batch, classes]);
      const random = new Random(1, 'verify', 'labels', shape);
      // Half of the labels are right answers, so that the count is neither 0 nor all.
      const labels = Int32Array.from({ length: batch }, (_, sample) => {
        const row = logits.data.subarray(sample * classes, (sample + 1) * classes);
        return sample % 2 === 0 ? row.indexOf(Math.max(...row)) : random.integer(classes);
      });
      const expected = reference(toFloat64(logits), labels, labelSmoothing);

      const layout = valueLayout(batch, [classes]);
      const bytes = valueBytes(layout);
      const gradient = { layout, region: allocate('gradient', bytes) };
      const labelRegion = allocate('labels', batch * 4);
      const result = allocate('result', 8);
      const logitsValue = { layout, region: allocate('logits', bytes) };
      const dispatches = softmaxCrossEntropy({
        logits: logitsValue,
        labels: labelRegion,
        gradient,
        result,
        labelSmoothing,
        gradientScale: 1 / (batch * numMicroBatches),
        buffer: allocate,
      });
      // What is behind the last class must not matter.
      const packed = packValue(logits, layout).map((value, index) =>
        index % (layout.blocks * 4) < classes ? value : 1e6,
      );
      const contents = new Map<Region, Float32Array | Int32Array>([
        [logitsValue.region, packed],
        [labelRegion, labels],
        [gradient.region, new Float32Array(bytes / 4).fill(NaN)],
      ]);
      const held = await runDispatches(device, dispatches, contents, [gradient.region, result]);
      const [slopes = new Float32Array(0), sums = new Float32Array(0)] = held;
      return [
        compare('output', sums.subarray(0, 1), Float64Array.of(expected.loss)),
        compare('right answers', sums.subarray(1, 2), Float64Array.of(expected.correct)),
        compare(
          'input gradient',
          unpackValue(slopes, layout, logits.shape).data,
          expected.gradient.data.map((value) => value / numMicroBatches),
        ),
      ];
    },
  };
}
