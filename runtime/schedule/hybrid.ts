import type { Action } from './action';
import { gpipe } from './gpipe';

/**
 * The schedule of *iOS as Acceleration*: the last stage runs each micro-batch's forward and
 * backward as one, so that it holds one micro-batch; the stages before run all forwards, then the
 * backwards as the gradients come.
 *
 *     stage 0  F0 F1 F2 F3 .. .. .. B0 B0 .. B1 B1 .. B2 B2 .. B3 B3
 *     stage 1  .. F0 F1 F2 F3 B0 B0 .. B1 B1 .. B2 B2 .. B3 B3
 *     stage 2  .. .. F0 B0 B0 F1 B1 B1 F2 B2 B2 F3 B3 B3
 */
export function* hybrid(
  stage: number,
  numStages: number,
  numMicroBatches: number,
): Generator<Action> {
  if (stage < numStages - 1) {
    yield* gpipe(stage, numStages, numMicroBatches);
    return;
  }
  for (let microBatch = 0; microBatch < numMicroBatches; microBatch++) {
    yield { stage, kind: 'F', microBatch };
    yield { stage, kind: 'B', microBatch };
  }
}
