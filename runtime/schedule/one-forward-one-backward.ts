import type { Action } from './action';

/**
 * 1F1B with a flush (PipeDream-Flush, Narayanan et al. 2021): a stage runs forward as many
 * micro-batches as there are stages behind it, then one forward and one backward by turns, then
 * the backwards that are left. It holds at most `min(numStages - stage, numMicroBatches)`.
 *
 *     stage 0  F0 F1 F2 .. .. .. .. B0 B0 F3 B1 B1 .. B2 B2 .. B3 B3
 *     stage 1  .. F0 F1 .. .. B0 B0 F2 B1 B1 F3 B2 B2 .. B3 B3
 *     stage 2  .. .. F0 B0 B0 F1 B1 B1 F2 B2 B2 F3 B3 B3
 */
export function* oneForwardOneBackward(
  stage: number,
  numStages: number,
  numMicroBatches: number,
): Generator<Action> {
  const numWarmUp = Math.min(numStages - 1 - stage, numMicroBatches);
  for (let microBatch = 0; microBatch < numWarmUp; microBatch++) {
    yield { stage, kind: 'F', microBatch };
  }
  for (let microBatch = 0; microBatch < numMicroBatches; microBatch++) {
    const ahead = microBatch + numWarmUp;
    if (ahead < numMicroBatches) yield { stage, kind: 'F', microBatch: ahead };
    yield { stage, kind: 'B', microBatch };
  }
}
