import type { Tensor } from '../../runtime/tensor';
import type { Pipeline } from './pipeline';
import type { TrainingData } from './training-data';

export interface Evaluation {
  /** Mean cross-entropy, without label smoothing. */
  readonly loss: number;
  /** Top-1, 0 to 1. */
  readonly accuracy: number;
  readonly count: number;
}

/** Runs the validation split through the pipeline; `step` is the last step done. */
export async function evaluate(
  pipeline: Pipeline,
  data: TrainingData,
  step: number,
  microBatchSize: number,
): Promise<Evaluation> {
  const labels: Int32Array[] = [];
  async function* inputs(): AsyncGenerator<Tensor> {
    for await (const batch of data.validation()) {
      labels.push(batch.labels.subarray(0, batch.count));
      yield batch.input;
    }
  }
  let loss = 0;
  let correct = 0;
  let count = 0;
  const numMicroBatches = Math.ceil(data.validationCount / microBatchSize);
  for await (const logits of pipeline.evaluate(step, inputs(), numMicroBatches)) {
    const numClasses = logits.shape[1] ?? 0;
    labels.shift()?.forEach((label, row) => {
      const scores = logits.data.subarray(row * numClasses, (row + 1) * numClasses);
      const score = scores[label] ?? Number.NaN;
      loss += logSumExp(scores) - score;
      if (scores.every((other, index) => other < score || index === label)) correct++;
      count++;
    });
  }
  return { loss: loss / count, accuracy: correct / count, count };
}

function logSumExp(scores: Float32Array): number {
  const maximum = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  return maximum + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - maximum), 0));
}
