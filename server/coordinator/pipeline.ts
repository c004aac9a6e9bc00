import type { LossResult } from '../../runtime/engine';
import { Mailbox } from '../../runtime/pipeline/mailbox';
import type { PipelineStage, Transfer } from '../../runtime/pipeline/stage';
import type { StageAssignment } from '../../runtime/protocol/message';
import type { Action } from '../../runtime/schedule/action';
import type { NamedTensors, Tensor } from '../../runtime/tensor';

/** The pictures and labels of one micro-batch. */
export interface MicroBatch {
  /** (N, 3, H, W) */
  readonly input: Tensor;
  readonly labels: Int32Array;
}

/** What a step gave: means and sums over the whole batch. */
export interface StepResult {
  readonly loss: number;
  readonly correct: number;
  /** By stage: time in which it had its inputs and computed. */
  readonly computeMs: readonly number[];
}

/** The loss became NaN or infinite. */
export class DivergedError extends Error {
  override readonly name = 'DivergedError';
}

/** Stages in a chain, wherever each computes, that take training steps as one network. */
export class Pipeline {
  readonly stages: readonly PipelineStage[];
  readonly assignments: readonly StageAssignment[];
  readonly #actions: readonly (readonly Action[])[];
  readonly #outputs = new Mailbox<Tensor>();
  #aborted = false;

  /** @param actions the schedule, a list for each stage */
  constructor(
    stages: readonly PipelineStage[],
    assignments: readonly StageAssignment[],
    actions: readonly (readonly Action[])[],
  ) {
    this.stages = stages;
    this.assignments = assignments;
    this.#actions = actions;
    stages.forEach((stage, index) => {
      stage.onSend = (transfer) => this.#route(index, transfer);
    });
  }

  /** A failure in the middle of something has left the stages in no common state. */
  get isAborted(): boolean {
    return this.#aborted;
  }

  /** Allocates all stages at once; resolves to the bytes that each holds. */
  prepare(): Promise<number[]> {
    return this.#together((stage, index) => stage.prepare(this.#assignment(index)));
  }

  /** Gives each stage its part of the state as it was after `step` steps of `totalSteps`. */
  async load(state: NamedTensors, step: number, totalSteps: number): Promise<void> {
    await this.#together((stage) => stage.load(state, step, totalSteps));
  }

  /** One optimizer step over the batch; `step` counts from 1. */
  async step(
    step: number,
    microBatches: readonly MicroBatch[],
    learningRate: number,
  ): Promise<StepResult> {
    const reports = this.#together((stage, index) =>
      stage.step({ step, actions: this.#actions[index] ?? [], learningRate }),
    );
    const first = this.stages[0];
    const last = this.stages.at(-1);
    microBatches.forEach(({ input, labels }, microBatch) => {
      first?.deliver({ kind: 'activation', step, microBatch, tensor: input });
      last?.deliver({ kind: 'labels', step, microBatch, labels });
    });
    const done = await reports;
    const results: readonly LossResult[] = done.at(-1)?.results ?? [];
    const loss = results.reduce((sum, result) => sum + result.loss, 0) / results.length;
    if (!Number.isFinite(loss)) {
      // A gradient too large for f16 shows itself here too.
      const isHalf = this.assignments.some(({ precision }) => precision === 'f16');
      const or = isHalf ? ' or without --precision f16' : '';
      const error = new DivergedError(
        `step ${step}: the loss is ${loss}; expected a finite number. Start again with a lower --lr (it is ${learningRate} here)${or}`,
      );
      // The optimizer has moved every stage by such gradients: no state to go on from.
      this.abort(error);
      throw error;
    }
    return {
      loss,
      correct: results.reduce((sum, { correct }) => sum + correct, 0),
      computeMs: done.map(({ computeMs }) => computeMs),
    };
  }

  /**
   * Logits of each micro-batch of pictures, in order, with running statistics.
   * @param step the last step done
   */
  async *evaluate(
    step: number,
    inputs: AsyncIterable<Tensor>,
    count: number,
  ): AsyncGenerator<Tensor> {
    const done = this.#together((stage) => stage.evaluate(step, count));
    done.catch(() => undefined);
    try {
      // Inputs are fed a few micro-batches ahead of the outputs, so that memory stays bounded.
      const ahead = this.stages.length + 1;
      let fed = 0;
      let given = 0;
      for await (const tensor of inputs) {
        this.stages[0]?.deliver({ kind: 'activation', step, microBatch: fed++, tensor });
        if (fed - given >= ahead) yield await this.#outputs.take(outputKey(step, given++));
      }
      while (given < fed) yield await this.#outputs.take(outputKey(step, given++));
    } catch (error) {
      // A picture that can't be read: the stages still wait for it.
      this.abort(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
    await done;
  }

  /** The state of all stages after `step` steps, in the network's order. */
  async exportState(step: number): Promise<NamedTensors> {
    const parts = await this.#together((stage) => stage.exportState(step));
    return new Map(parts.flatMap((part) => [...part]));
  }

  /**
   * Ends everything that is under way with the error. The pipeline can't be used after; its stages
   * can, in another one.
   */
  abort(error: Error): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#outputs.close(error);
    for (const stage of this.stages) stage.abort(error);
  }

  /** Runs the call on every stage; the first failure aborts the others. */
  async #together<Result>(
    call: (stage: PipelineStage, index: number) => Promise<Result>,
  ): Promise<Result[]> {
    const calls = this.stages.map(call);
    try {
      return await Promise.all(calls);
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error(String(error)));
      // No stage may still compute when the next plan begins.
      await Promise.allSettled(calls);
      throw error;
    }
  }

  #assignment(index: number): StageAssignment {
    const assignment = this.assignments[index];
    if (!assignment) throw new RangeError(`no assignment for stage ${index}`);
    return assignment;
  }

  #route(from: number, transfer: Transfer): void {
    const next = this.stages[from + 1];
    switch (transfer.kind) {
      case 'activation':
        next?.deliver(transfer);
        break;
      case 'gradient':
        this.stages[from - 1]?.deliver(transfer);
        break;
      case 'output':
        if (next) next.deliver({ ...transfer, kind: 'activation' });
        else this.#outputs.put(outputKey(transfer.step, transfer.microBatch), transfer.tensor);
        break;
      case 'labels':
        break;
    }
  }
}

function outputKey(step: number, microBatch: number): string {
  return `output after step ${step}, micro-batch ${microBatch}`;
}
