import type { StageSpec } from '../../runtime/engine';
import { backwardGraph, savedValues, type BackwardPart } from './graphs/backward-graph';
import { evaluationGraph, trainingGraph } from './graphs/forward-graph';
import type { BuiltGraph } from './graphs/names';
import { stageGraph, type StageGraph } from './graphs/stage-graph';
import { GraphSession } from './graph-session';

export interface SessionsOptions {
  readonly numThreads: number;
  /** Of the blocked layout; undefined for standard operators alone. */
  readonly blockSize: number | undefined;
}

/** The compiled graphs of a stage; each is made when it is first asked for. */
export class StageSessions {
  readonly stage: StageGraph;
  /** The values that the backward wants of the forward. */
  readonly saved: ReadonlySet<string>;
  readonly #spec: StageSpec;
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Promise<GraphSession>>();

  /** @throws ShapeError when an operation can't take what reaches it */
  constructor(spec: StageSpec, options: SessionsOptions) {
    this.#spec = spec;
    this.#options = options;
    this.stage = stageGraph(spec, spec.microBatchSize, options.blockSize);
    this.saved = savedValues(this.#backwardGraph('whole'));
  }

  /** Starts to make what a training step will ask for, while the weights are still on their way. */
  prepare(): void {
    const wanted = this.#spec.loss
      ? [this.backward('step')]
      : [this.forward(), this.backward('whole')];
    // Whoever asks for a session gets its error.
    for (const session of wanted) session.catch(() => undefined);
  }

  forward(): Promise<GraphSession> {
    return this.#session('forward', () => trainingGraph(this.stage, this.saved));
  }

  backward(part: BackwardPart): Promise<GraphSession> {
    return this.#session(`backward ${part}`, () => this.#backwardGraph(part));
  }

  /** For any number of samples; the graph of each is kept. */
  evaluation(samples: number): Promise<GraphSession> {
    return this.#session(`evaluation of ${samples}`, () =>
      evaluationGraph(stageGraph(this.#spec, samples, this.#options.blockSize)),
    );
  }

  async release(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of await Promise.all(sessions)) await session.release();
  }

  #backwardGraph(part: BackwardPart): BuiltGraph {
    const { needsInputGradient, microBatchSize, numMicroBatches } = this.#spec;
    const batchSize = microBatchSize * numMicroBatches;
    return backwardGraph(this.stage, part, { needsInputGradient, batchSize });
  }

  #session(name: string, build: () => BuiltGraph): Promise<GraphSession> {
    const known = this.#sessions.get(name);
    if (known) return known;
    const session = GraphSession.create(build(), this.#options.numThreads);
    this.#sessions.set(name, session);
    return session;
  }
}
