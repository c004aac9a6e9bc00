import type { Action } from './action';

/**
 * GPipe (Huang et al. 2019): every stage runs all forwards, then all backwards. A stage holds the
 * activations of all micro-batches.
 *
 *     stage 0  F0 F1 F2 F3 .. .. .. .. .. .. B0 B0 B1 B1 B2 B2 B3 B3
 *     stage 1  .. F0 F1 F2 F3 .. .. .. B0 B0 B1 B1 B2 B2 B3 B3
 *     stage 2  .. .. F0 F1 F2 F3 B0 B0 B1 B1 B2 B2 B3 B3
 */
export function* gpipe(
  stage: number,
  _numStages: number,
  numMicroBatches: number,
): Generator<Action> {
  for (let microBatch = 0; microBatch < numMicroBatches; microBatch++) {
    yield { stage, kind: 'F', microBatch };
  }
  for (let microBatch = 0; microBatch < numMicroBatches; microBatch++) {
    yield { stage, kind: 'B', microBatch };
  }
}
