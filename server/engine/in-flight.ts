import { EngineOrderError } from '../../runtime/engine';

/** Arrays by the names that the graphs' inputs and outputs have. */
export type Values = Map<string, Float32Array>;

/** A micro-batch between its forward and the end of its backward. */
export interface MicroBatch {
  /** What the backward graphs read. */
  readonly saved: Values;
  /** What they gave so far: gradients that `backwardWeight` is to add, the input gradient. */
  readonly given: Values;
  /** What is still to be computed; the loss leaves nothing. */
  rest: 'whole' | 'weight' | 'nothing';
  next: 'backwardInput' | 'backwardWeight';
}

/** The micro-batches in flight, each called in its order. */
export class InFlight {
  readonly #limit: number;
  readonly #microBatches = new Map<number, MicroBatch>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws EngineOrderError when there is no room for another forward */
  expectRoom(call: string, microBatch: number): void {
    const place = `${call}, micro-batch ${microBatch}`;
    if (this.#microBatches.has(microBatch)) {
      throw new EngineOrderError(`${place}: expected its backward before another forward`);
    }
    if (this.#microBatches.size >= this.#limit) {
      throw new EngineOrderError(
        `${place}: expected at most ${this.#limit} micro-batches in flight, got one more`,
      );
    }
  }

  add(microBatch: number, saved: Values, given: Values, rest: MicroBatch['rest']): void {
    this.#microBatches.set(microBatch, { saved, given, rest, next: 'backwardInput' });
  }

  /** @throws EngineOrderError unless `call` is what the micro-batch waits for */
  get(call: MicroBatch['next'], microBatch: number): MicroBatch {
    const found = this.#microBatches.get(microBatch);
    if (found?.next !== call) {
      const before = call === 'backwardInput' ? 'its forward' : 'its backwardInput';
      throw new EngineOrderError(
        `${call}, micro-batch ${microBatch}: expected ${before} before it, got none`,
      );
    }
    return found;
  }

  remove(microBatch: number): void {
    this.#microBatches.delete(microBatch);
  }

  clear(): void {
    this.#microBatches.clear();
  }
}
