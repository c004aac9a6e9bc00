import { at, zeros64, type Tensor64 } from './tensor64';

/**
 * Softmax cross-entropy against smoothed targets q = (1 - s) onehot + s / classes (Szegedy et al.
 * 2015, arXiv 1512.00567; PyTorch's `label_smoothing`).
 *
 * @param logits (N, classes)
 * @param labels N class indices
 * @returns the mean loss over the samples, how many have their label as the first largest logit,
 *   and the gradient of the mean, (N, classes)
 */
export function softmaxCrossEntropy(
  logits: Tensor64,
  labels: Int32Array,
  labelSmoothing: number,
): { loss: number; correct: number; gradient: Tensor64 } {
  const [samples = 0, classes = 0] = logits.shape;
  const gradient = zeros64(logits.shape);
  let loss = 0;
  let correct = 0;
  for (let n = 0; n < samples; n++) {
    const row = logits.data.subarray(n * classes, (n + 1) * classes);
    const largest = Math.max(...row);
    const sum = row.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    const label = labels[n] ?? NaN;
    if (row.indexOf(largest) === label) correct++;
    for (let c = 0; c < classes; c++) {
      const logProbability = at(row, c) - largest - Math.log(sum);
      const target = (c === label ? 1 - labelSmoothing : 0) + labelSmoothing / classes;
      loss -= (target * logProbability) / samples;
      gradient.data[n * classes + c] = (Math.exp(logProbability) - target) / samples;
    }
  }
  return { loss, correct, gradient };
}
