/** A worker went away or failed; names it and says why. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError';
  /** Whether it had been given a stage: then the run hears of it as well. */
  readonly hadStage: boolean;

  constructor(message: string, hadStage: boolean) {
    super(message);
    this.hadStage = hadStage;
  }
}
