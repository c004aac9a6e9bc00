import type { Precision } from '../engine';
import { toHalf } from '../half';
import { Random } from '../random';
import { softmaxCrossEntropy as reference } from '../reference/softmax-cross-entropy';
import { toFloat64 } from '../reference/tensor64';
import { allocate, type Region } from '../webgpu/memory';
import { softmaxCrossEntropy } from '../webgpu/operations/softmax-cross-entropy';
import { inPrecision } from '../webgpu/precision';
import { runDispatches, type StoredNumbers } from '../webgpu/run-dispatches';
import { loadValue, packValue, unpackValue } from '../webgpu/run-operation';
import { valueBytes, valueLayout } from '../webgpu/value';
import type { VerificationCase } from './case';
import { compare } from './comparison';
import { opName } from './operation-case';
import { levels, normal, storable } from './values';

export interface LossCaseOptions {
  readonly labelSmoothing: number;
  /** Only three different logits, so that most samples have several largest ones. */
  readonly ties?: boolean;
  /** How logits and their gradient are stored; f32 where absent. */
  readonly precision?: Precision;
}

/** Softmax cross-entropy of `batch` samples: loss, count of right answers, gradient. */
export function lossCase(
  batch: number,
  classes: number,
  { labelSmoothing, ties, precision = 'f32' }: LossCaseOptions,
): VerificationCase {
  const smoothing = labelSmoothing > 0 ? `, label smoothing ${labelSmoothing}` : '';
  const shape = `${batch}x${classes}${smoothing}${ties ? ', with ties' : ''}`;
  const numMicroBatches = 3;
  // As in a stage: see `lossScaleOf`.
  const scale = precision === 'f16' ? 1024 : 1;
  return {
    op: opName('softmax cross-entropy', precision),
    shape,
    against: 'float64',
    cost: 4 * batch * classes,
    async run({ device }) {
      const make = ties ? levels : (key: string, of: number[]) => normal(key, of, 3);
      const logits = storable(make(`loss ${shape}`, [batch, classes]), precision);
      const random = new Random(1, 'verify', 'labels', shape);
      // Half of the labels are right answers, so that the count is neither 0 nor all.
      const labels = Int32Array.from({ length: batch }, (_, sample) => {
        const row = logits.data.subarray(sample * classes, (sample + 1) * classes);
        return sample % 2 === 0 ? row.indexOf(Math.max(...row)) : random.integer(classes);
      });
      const expected = reference(toFloat64(logits), labels, labelSmoothing);

      const layout = valueLayout(batch, [classes]);
      const bytes = valueBytes(layout, precision);
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
        gradientScale: scale / (batch * numMicroBatches),
        buffer: allocate,
      });
      // What is behind the last class must not matter.
      const packed = packValue(logits, layout).map((value, index) =>
        index % (layout.blocks * 4) < classes ? value : 6e4,
      );
      const contents = new Map<Region, StoredNumbers>([
        [logitsValue.region, precision === 'f16' ? Uint16Array.from(packed, toHalf) : packed],
        [labelRegion, labels],
        [gradient.region, new Float32Array(bytes / 4).fill(NaN)],
      ]);
      const stored = inPrecision(dispatches, precision);
      const held = await runDispatches(device, stored, contents, [gradient.region, result]);
      const [slopes = new Float32Array(0), sums = new Float32Array(0)] = held;
      return [
        compare('output', sums.subarray(0, 1), Float64Array.of(expected.loss)),
        compare('right answers', sums.subarray(1, 2), Float64Array.of(expected.correct)),
        compare(
          'input gradient',
          unpackValue(loadValue(slopes, precision), layout, logits.shape).data,
          expected.gradient.data.map((value) => (scale * value) / numMicroBatches),
          precision,
        ),
      ];
    },
  };
}
