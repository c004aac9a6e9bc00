import type { StepReport } from '../pipeline/stage';
import type { FailureReason, WorkerStatus } from './status';
import { Temperature } from './temperature';

/** Weight of the newest step in the running mean of the step time. */
const smoothing = 0.2;

/** Turns what happens to a worker into the statuses that its page shows. */
export class Progress {
  readonly #device: string;
  readonly #report: (status: WorkerStatus) => void;
  #units = '';
  #samplesPerStep = 0;
  #memoryBytes = 0;
  #totalSteps = 0;
  #step = 0;
  #loss: number | undefined;
  #lastStepAt: number | undefined;
  #stepMs: number | undefined;
  #temperature = new Temperature();

  constructor(device: string, report: (status: WorkerStatus) => void) {
    this.#device = device;
    this.#report = report;
  }

  waiting(why: string): void {
    this.#report({ state: 'waiting', device: this.#device, why });
  }

  preparing(units: string, samplesPerStep: number): void {
    this.#units = units;
    this.#samplesPerStep = samplesPerStep;
    this.#lastStepAt = undefined;
    this.#stepMs = undefined;
    this.#loss = undefined;
    this.#temperature = new Temperature();
    this.loading(0, 0);
  }

  prepared(memoryBytes: number): void {
    this.#memoryBytes = memoryBytes;
  }

  loading(receivedBytes: number, totalBytes: number): void {
    this.#report({
      state: 'loading',
      device: this.#device,
      units: this.#units,
      receivedBytes,
      totalBytes,
    });
  }

  loaded(step: number, totalSteps: number): void {
    this.#step = step;
    this.#totalSteps = totalSteps;
    this.#lastStepAt = Date.now();
    this.#working('training');
  }

  stepped(step: number, { results, computeMs }: StepReport): void {
    this.#temperature.add(computeMs);
    const now = Date.now();
    if (this.#lastStepAt !== undefined) {
      const took = now - this.#lastStepAt;
      this.#stepMs =
        this.#stepMs === undefined ? took : this.#stepMs + smoothing * (took - this.#stepMs);
    }
    this.#lastStepAt = now;
    this.#step = step;
    if (results.length > 0) {
      this.#loss = results.reduce((sum, { loss }) => sum + loss, 0) / results.length;
    }
    this.#working('training');
  }

  evaluating(): void {
    // The time of the evaluation must not count as a slow step.
    this.#lastStepAt = undefined;
    this.#working('evaluating');
  }

  finished(message: string): void {
    this.#report({ state: 'finished', message });
  }

  failed(reason: FailureReason, detail: string): void {
    this.#report({ state: 'failed', reason, detail });
  }

  #working(state: 'training' | 'evaluating'): void {
    this.#report({
      state,
      device: this.#device,
      units: this.#units,
      step: this.#step,
      totalSteps: this.#totalSteps,
      imagesPerSecond: this.#stepMs ? (1000 * this.#samplesPerStep) / this.#stepMs : 0,
      memoryBytes: this.#memoryBytes,
      loss: this.#loss,
      slowdown: this.#temperature.slowdown,
    });
  }
}
