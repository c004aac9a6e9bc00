import { LabelError, type LossResult } from '../../../runtime/engine';
import { formatShape, ShapeError, type Shape, type Tensor } from '../../../runtime/tensor';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import { elementWise, scalar } from '../onnx/operators';

/**
 * The gradient of the mean loss over a whole batch: (softmax(logits) - targets) / batchSize.
 * @param targets as {@link smoothedTargets} gives them
 */
export function logitsGradient(
  graph: ModelBuilder,
  logits: Value,
  targets: Value,
  batchSize: number,
): Value {
  const probabilities = graph.node('Softmax', [logits], logits.shape, { axis: -1 });
  const difference = elementWise(graph, 'Sub', probabilities, targets);
  return elementWise(graph, 'Mul', difference, scalar(graph, 1 / batchSize));
}

/**
 * (1 - smoothing) onehot + smoothing / classes for each sample.
 * @throws ShapeError unless there is a label a sample; LabelError for one that is no class
 */
export function smoothedTargets(
  labels: Int32Array,
  [samples = 0, classes = 0]: Shape,
  labelSmoothing: number,
): Float32Array {
  if (labels.length !== samples) {
    throw new ShapeError(`labels: expected ${samples}, one a sample, got ${labels.length}`);
  }
  const targets = new Float32Array(samples * classes).fill(labelSmoothing / classes);
  labels.forEach((label, sample) => {
    if (label < 0 || label >= classes) {
      throw new LabelError(
        `label of sample ${sample}: expected a class below ${classes}, got ${label}`,
      );
    }
    targets[sample * classes + label] = 1 - labelSmoothing + labelSmoothing / classes;
  });
  return targets;
}

/**
 * The mean loss over the samples, -sum(targets log softmax(logits)) / N, summed in float64, and
 * how many samples have their label as the first largest logit.
 */
export function softmaxCrossEntropy(
  { shape, data }: Tensor,
  labels: Int32Array,
  targets: Float32Array,
): LossResult {
  const [samples = 0, classes = 0] = shape;
  if (shape.length !== 2) throw new ShapeError(`logits: expected NxC, got ${formatShape(shape)}`);
  let loss = 0;
  let correct = 0;
  for (let sample = 0; sample < samples; sample++) {
    const start = sample * classes;
    const row = data.subarray(start, start + classes);
    const largest = row.reduce((max, logit) => Math.max(max, logit), -Infinity);
    const sum = row.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    row.forEach((logit, index) => {
      loss -= (targets[start + index] ?? 0) * (logit - largest - Math.log(sum));
    });
    if (row.indexOf(largest) === labels[sample]) correct++;
  }
  return { loss: loss / samples, correct };
}
