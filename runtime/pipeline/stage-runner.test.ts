import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LossResult } from '../engine';
import { ReferenceEngine } from '../reference/engine';
import { parseAction } from '../schedule/action';
import { zeros, type Tensor } from '../tensor';
import { runStage, type StagePorts } from './stage-runner';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const tensor = zeros([1]);

/** Computes nothing, one call after another: 10 ms a forward, 30 a backward, 5 for the optimizer. */
class ClockEngine extends ReferenceEngine {
  #last: Promise<void> = Promise.resolve();

  #take(ms: number): Promise<void> {
    return (this.#last = this.#last.then(() => after(ms)));
  }

  override async forwardLoss(): Promise<LossResult> {
    await this.#take(10);
    return { loss: 1, correct: 0 };
  }

  override async backward(): Promise<Tensor | null> {
    await this.#take(30);
    return tensor;
  }

  override applyOptimizer(): Promise<void> {
    return this.#take(5);
  }
}

/** A last stage whose activations come at these times. */
function portsOf(times: readonly number[]): StagePorts {
  const arrivals = times.map(after);
  return {
    activation: async (microBatch) => {
      await arrivals[microBatch];
      return tensor;
    },
    labels: () => Promise.resolve(new Int32Array(1)),
    gradient: () => Promise.reject(new Error('the last stage is given no gradients')),
    sendActivation: () => undefined,
    sendGradient: () => undefined,
  };
}

/*
 *     time 0    100       200
 *          F0 B0 ..    F1 B1 ..   F2 B2 optimizer
 */
test.each([
  ['its inputs come late', [0, 100, 200]],
  ['they come while it computes', [0, 25, 50]],
  ['they are there', [0, 0, 0]],
])('a stage computes as long as its engine does, where %s', async (_, times) => {
  const actions = '1F0 1B0 1F1 1B1 1F2 1B2'.split(' ').map(parseAction);
  const step = { actions, isLast: true, learningRate: 0.1, step: 1 };
  const report = runStage(new ClockEngine(), step, portsOf(times));
  await vi.runAllTimersAsync();
  const { results, computeMs } = await report;
  expect(results).toHaveLength(3);
  expect(computeMs).toBe(3 * (10 + 30) + 5);
});
