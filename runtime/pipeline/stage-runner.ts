import type { LossResult, OptimizerStep, StageEngine } from '../engine';
import type { Action } from '../schedule/action';
import type { Tensor } from '../tensor';
import { BusyTime } from './busy-time';

/** How a stage gets and gives its tensors within one step; the keys are micro-batches. */
export interface StagePorts {
  /** The pictures at the first stage, the activation of the stage before elsewhere. */
  activation(microBatch: number): Promise<Tensor>;
  /** Only asked for at the last stage. */
  labels(microBatch: number): Promise<Int32Array>;
  /** The gradient of this stage's output; never asked for at the last stage. */
  gradient(microBatch: number): Promise<Tensor>;
  sendActivation(microBatch: number, activation: Tensor): void;
  sendGradient(microBatch: number, gradient: Tensor): void;
}

export interface StageStep extends OptimizerStep {
  /** This stage's list of the schedule, in order. */
  readonly actions: readonly Action[];
  /** Whether the stage ends in the loss. */
  readonly isLast: boolean;
}

/** What a step gave. */
export interface StepReport {
  /** By micro-batch at the last stage, an empty list elsewhere. */
  readonly results: readonly LossResult[];
  /** Time in which the stage's engine had something to do. */
  readonly computeMs: number;
}

/** Calls that an engine may have been given and not answered; two keep it busy while one moves. */
const maxIssued = 2;

/**
 * Runs one stage's part of a step: its actions in order, then the optimizer. An action is issued
 * as soon as its input has come, so that the transfer of one micro-batch overlaps the next.
 *
 * @throws the first failure of the engine or of a port; calls issued before may still be under way
 */
export async function runStage(
  engine: StageEngine,
  { actions, isLast, ...optimizerStep }: StageStep,
  ports: StagePorts,
): Promise<StepReport> {
  const results: LossResult[] = [];
  const issued = new Set<Promise<void>>();
  const busy = new BusyTime();
  let failed: (error: unknown) => void = () => undefined;
  const failure = new Promise<never>((_resolve, reject) => (failed = reject));
  failure.catch(() => undefined);

  const issue = (work: Promise<void>): void => {
    const settled = busy
      .of(work)
      .catch(failed)
      .finally(() => issued.delete(settled));
    issued.add(settled);
  };

  const backward = async (work: Promise<Tensor | null>, microBatch: number): Promise<void> => {
    const gradient = await work;
    if (gradient) ports.sendGradient(microBatch, gradient);
  };

  for (const { kind, microBatch } of actions) {
    if (issued.size >= maxIssued) await Promise.race([failure, ...issued]);
    switch (kind) {
      case 'F': {
        const input = await Promise.race([failure, ports.activation(microBatch)]);
        if (isLast) {
          const labels = await Promise.race([failure, ports.labels(microBatch)]);
          const loss = engine.forwardLoss(microBatch, input, labels);
          issue(loss.then((result) => void (results[microBatch] = result)));
        } else {
          const output = engine.forward(microBatch, input);
          issue(output.then((activation) => ports.sendActivation(microBatch, activation)));
        }
        break;
      }
      case 'B':
      case 'I': {
        const gradient = isLast ? null : await Promise.race([failure, ports.gradient(microBatch)]);
        const input =
          kind === 'B'
            ? engine.backward(microBatch, gradient)
            : engine.backwardInput(microBatch, gradient);
        issue(backward(input, microBatch));
        break;
      }
      case 'W':
        issue(engine.backwardWeight(microBatch));
        break;
    }
  }
  await Promise.race([failure, Promise.all(issued)]);
  await busy.of(engine.applyOptimizer(optimizerStep));
  return { results, computeMs: busy.ms };
}
