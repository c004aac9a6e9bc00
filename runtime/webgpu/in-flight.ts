import { EngineOrderError } from '../engine';

/** What a micro-batch has behind it. */
type Progress = 'forward' | 'backwardInput';

/** Which micro-batch holds which of the places for kept activations, and how far it has come. */
export class InFlight {
  readonly #places: ({ readonly microBatch: number; progress: Progress } | undefined)[];

  constructor(maxInFlight: number) {
    this.#places = Array.from({ length: maxInFlight }, () => undefined);
  }

  /**
   * A place for a micro-batch that begins its forward.
   *
   * @throws EngineOrderError when all are taken, or the micro-batch is in flight already
   */
  begin(microBatch: number): number {
    if (this.#find(microBatch) >= 0) {
      throw new EngineOrderError(
        `forward of micro-batch ${microBatch}: its backward has not run since its last forward`,
      );
    }
    const place = this.#places.indexOf(undefined);
    if (place < 0) {
      const held = this.#places.map((entry) => entry?.microBatch).join(', ');
      throw new EngineOrderError(
        `forward of micro-batch ${microBatch}: at most ${this.#places.length} in flight, and ${held} wait for their backward`,
      );
    }
    this.#places[place] = { microBatch, progress: 'forward' };
    return place;
  }

  /** The place of a micro-batch whose forward has run; its input gradient comes next. */
  beginBackward(microBatch: number): number {
    const place = this.#expect(microBatch, 'forward', 'backwardInput');
    this.#places[place] = { microBatch, progress: 'backwardInput' };
    return place;
  }

  /** The place of a micro-batch whose input gradient has been made; it is free after this. */
  end(microBatch: number): number {
    const place = this.#expect(microBatch, 'backwardInput', 'backwardWeight');
    this.#places[place] = undefined;
    return place;
  }

  clear(): void {
    this.#places.fill(undefined);
  }

  #expect(microBatch: number, progress: Progress, call: string): number {
    const place = this.#find(microBatch);
    if (this.#places[place]?.progress !== progress) {
      throw new EngineOrderError(
        `${call} of micro-batch ${microBatch}: expected after its ${progress}`,
      );
    }
    return place;
  }

  #find(microBatch: number): number {
    return this.#places.findIndex((entry) => entry?.microBatch === microBatch);
  }
}
