import {
  EngineOrderError,
  type LossResult,
  type OptimizerStep,
  type StageEngine,
  type StageSpec,
} from '../../runtime/engine';
import { parametersOf, type BatchNorm } from '../../runtime/model/graph';
import {
  elementCount,
  expectShape,
  type NamedTensors,
  type Shape,
  type Tensor,
} from '../../runtime/tensor';
import { defaultNumThreads, describeCpu } from './cpu';
import type { BackwardPart } from './graphs/backward-graph';
import {
  gradientName,
  inputGradientName,
  inputName,
  meanName,
  outputGradientName,
  outputName,
  targetsName,
  varianceName,
} from './graphs/names';
import { shapeOf, stageInput } from './graphs/stage-graph';
import { InFlight, type MicroBatch, type Values } from './in-flight';
import { KeptSessions } from './kept-sessions';
import { findBlockSize } from './onnx/block-size';
import { smoothedTargets, softmaxCrossEntropy } from './operations/softmax-cross-entropy';
import type { StageSessions } from './stage-sessions';
import { StageState } from './stage-state';

export interface CpuEngineOptions {
  /** Threads of one operator; default: all cores, but one when there are more than two. */
  readonly numThreads?: number;
  /** `standard`: no convolution in the blocked layout; default: where the processor has one. */
  readonly layout?: 'blocked' | 'standard';
}

interface LoadedStage {
  readonly spec: StageSpec;
  readonly sessions: StageSessions;
  readonly state: StageState;
  readonly batchNorms: readonly BatchNorm[];
  readonly inFlight: InFlight;
}

/**
 * The stage on the computer's processor, through ONNX Runtime. Runs block the thread that calls.
 *
 * Tensors given to it are read until the micro-batch's backward has run, and must not be changed;
 * tensors that it returns belong to the caller. Results are the same from run to run to the bit,
 * and for any number of threads where a micro-batch has more than one sample.
 */
export class OnnxEngine implements StageEngine {
  readonly kind = 'cpu';
  readonly device: string;
  readonly #numThreads: number;
  readonly #layout: 'blocked' | 'standard';
  readonly #keptSessions = new KeptSessions();
  #loaded: LoadedStage | undefined;
  #lastCall: Promise<unknown> = Promise.resolve();

  constructor({ numThreads = defaultNumThreads(), layout = 'blocked' }: CpuEngineOptions = {}) {
    this.#numThreads = numThreads;
    this.#layout = layout;
    this.device = describeCpu(numThreads);
  }

  load(spec: StageSpec): Promise<void> {
    return this.#inOrder(async () => {
      this.#loaded = undefined;
      const blockSize = this.#layout === 'standard' ? undefined : await findBlockSize();
      const options = { numThreads: this.#numThreads, blockSize };
      const sessions = await this.#keptSessions.get(spec, options);
      sessions.prepare();
      this.#loaded = {
        spec,
        sessions,
        state: new StageState(spec, blockSize),
        batchNorms: sessions.stage.operations.filter((operation) => operation.kind === 'batchNorm'),
        inFlight: new InFlight(spec.maxInFlight),
      };
    });
  }

  /** Besides: drops the summed gradients and the micro-batches in flight. */
  importState(state: NamedTensors): Promise<void> {
    return this.#inOrder(() => {
      const stage = this.#stage('importState');
      stage.state.import(state);
      stage.inFlight.clear();
    });
  }

  exportState(): Promise<NamedTensors> {
    return this.#inOrder(() => this.#stage('exportState').state.export());
  }

  exportGradients(): Promise<NamedTensors> {
    return this.#inOrder(() => this.#stage('exportGradients').state.exportGradients());
  }

  forward(microBatch: number, input: Tensor): Promise<Tensor> {
    return this.#inOrder(async () => {
      const stage = this.#admit('forward', microBatch, input);
      const { sessions, inFlight } = stage;
      const session = await sessions.forward();
      const results = await session.run(this.#feed(stage, [[inputName, input.data]]));
      this.#updateStatistics(stage, results);
      const output = value(results, outputName);
      results.delete(outputName);
      if (sessions.saved.has(stageInput)) results.set(inputName, input.data);
      inFlight.add(microBatch, results, new Map(), 'whole');
      return { shape: shapeOf(sessions.stage, sessions.stage.output), data: output };
    });
  }

  /**
   * Runs the micro-batch's backward along with its forward: at the last stage nothing has to come
   * from elsewhere in between, and no value is computed or copied twice. The gradients count when
   * the backward is called.
   */
  forwardLoss(microBatch: number, input: Tensor, labels: Int32Array): Promise<LossResult> {
    return this.#inOrder(async () => {
      const stage = this.#admit('forwardLoss', microBatch, input);
      const { spec, sessions, inFlight } = stage;
      if (!spec.loss) {
        throw new EngineOrderError(
          'forwardLoss: expected a stage with a loss, got one without; call forward instead',
        );
      }
      const shape = shapeOf(sessions.stage, sessions.stage.output);
      const targets = smoothedTargets(labels, shape, spec.loss.labelSmoothing);
      const session = await sessions.backward('step');
      const results = await session.run(
        this.#feed(stage, [
          [inputName, input.data],
          [targetsName, targets],
        ]),
      );
      this.#updateStatistics(stage, results);
      const logits = { shape, data: value(results, outputName) };
      inFlight.add(microBatch, new Map(), results, 'nothing');
      return softmaxCrossEntropy(logits, labels, targets);
    });
  }

  /** At a first stage only notes the gradient: all the work is left to `backwardWeight`. */
  backwardInput(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null> {
    return this.#inOrder(async () => {
      const stage = this.#stage('backwardInput');
      const record = this.#receive(stage, microBatch, outputGradient);
      if (record.rest === 'whole' && stage.spec.needsInputGradient) {
        await this.#runBackward(stage, record, 'input');
        record.rest = 'weight';
      }
      record.next = 'backwardWeight';
      return this.#inputGradient(stage, record);
    });
  }

  backwardWeight(microBatch: number): Promise<void> {
    return this.#inOrder(async () => {
      const stage = this.#stage('backwardWeight');
      const record = stage.inFlight.get('backwardWeight', microBatch);
      await this.#finish(stage, microBatch, record);
    });
  }

  backward(microBatch: number, outputGradient: Tensor | null): Promise<Tensor | null> {
    return this.#inOrder(async () => {
      const stage = this.#stage('backward');
      const record = this.#receive(stage, microBatch, outputGradient);
      await this.#finish(stage, microBatch, record);
      return this.#inputGradient(stage, record);
    });
  }

  applyOptimizer(step: OptimizerStep): Promise<void> {
    return this.#inOrder(() => {
      this.#stage('applyOptimizer').state.applyOptimizer(step);
    });
  }

  evaluate(input: Tensor): Promise<Tensor> {
    return this.#inOrder(async () => {
      const stage = this.#stage('evaluate');
      const { spec, sessions } = stage;
      const [samples = 0] = input.shape;
      expectShape('evaluate: input', [samples, ...spec.inputShape], input.shape);
      const session = await sessions.evaluation(samples);
      const results = await session.run(this.#feed(stage, [[inputName, input.data]]));
      const [, ...sample] = shapeOf(sessions.stage, sessions.stage.output);
      return { shape: [samples, ...sample], data: value(results, outputName) };
    });
  }

  /**
   * What the stage holds with `maxInFlight` micro-batches in flight. ONNX Runtime's own buffers,
   * which last as long as a run, are not among it.
   */
  memoryBytes(): number {
    if (!this.#loaded) return 0;
    const { spec, sessions, state, batchNorms } = this.#loaded;
    const { stage, saved } = sessions;
    const values = (shape: Shape): number => 4 * elementCount(shape);
    const statistics = batchNorms.reduce((sum, { channels }) => sum + 8 * channels, 0);
    const activations = [...saved].reduce((sum, name) => sum + values(shapeOf(stage, name)), 0);
    const gradients = parametersOf(spec.units).reduce((sum, { shape }) => sum + values(shape), 0);
    const perMicroBatch = spec.loss ? gradients : activations;
    return state.bytes() + spec.maxInFlight * (perMicroBatch + statistics);
  }

  dispose(): Promise<void> {
    return this.#inOrder(() => this.#release());
  }

  /** Calls take effect one after the other, whatever became of the ones before. */
  #inOrder<Result>(call: () => Result | Promise<Result>): Promise<Result> {
    const result = this.#lastCall.then(call);
    this.#lastCall = result.catch(() => undefined);
    return result;
  }

  async #release(): Promise<void> {
    this.#loaded = undefined;
    await this.#keptSessions.release();
  }

  #stage(call: string): LoadedStage {
    if (!this.#loaded) {
      throw new EngineOrderError(`${call}: expected a loaded stage, got none; call load first`);
    }
    return this.#loaded;
  }

  #admit(call: string, microBatch: number, input: Tensor): LoadedStage {
    const stage = this.#stage(call);
    const { sessions, inFlight } = stage;
    const place = `${call}, micro-batch ${microBatch}: input`;
    expectShape(place, shapeOf(sessions.stage, stageInput), input.shape);
    inFlight.expectRoom(call, microBatch);
    return stage;
  }

  /** The micro-batch whose gradient has come from behind, or from the loss. */
  #receive(stage: LoadedStage, microBatch: number, outputGradient: Tensor | null): MicroBatch {
    const record = stage.inFlight.get('backwardInput', microBatch);
    if (record.rest === 'nothing') return record;
    const place = `backward, micro-batch ${microBatch}: output gradient`;
    if (!outputGradient) throw new EngineOrderError(`${place}: expected one, got null`);
    const { stage: graph } = stage.sessions;
    expectShape(place, shapeOf(graph, graph.output), outputGradient.shape);
    record.saved.set(outputGradientName, outputGradient.data);
    return record;
  }

  async #runBackward(stage: LoadedStage, record: MicroBatch, part: BackwardPart): Promise<void> {
    const session = await stage.sessions.backward(part);
    const results = await session.run(this.#feed(stage, [...record.saved, ...record.given]));
    for (const [name, values] of results) record.given.set(name, values);
  }

  #feed(
    { state }: LoadedStage,
    given: Iterable<readonly [string, Float32Array]>,
  ): (name: string) => Float32Array {
    const values = new Map(given);
    return (name) => {
      const found = values.get(name) ?? state.values(name);
      if (!found) throw new Error(`expected a value for the graph's input '${name}', got none`);
      return found;
    };
  }

  #updateStatistics({ sessions, state, batchNorms }: LoadedStage, results: Values): void {
    for (const batchNorm of batchNorms) {
      const { input, channels } = batchNorm;
      const count = elementCount(shapeOf(sessions.stage, input)) / channels;
      const mean = value(results, meanName(input));
      const variance = value(results, varianceName(input));
      state.updateStatistics(batchNorm, mean, variance, count);
    }
  }

  /** Computes what is left of the micro-batch's backward and adds its gradients. */
  async #finish(stage: LoadedStage, microBatch: number, record: MicroBatch): Promise<void> {
    if (record.rest !== 'nothing') await this.#runBackward(stage, record, record.rest);
    for (const { name } of parametersOf(stage.spec.units)) {
      stage.state.addGradient(name, value(record.given, gradientName(name)));
    }
    stage.inFlight.remove(microBatch);
  }

  #inputGradient({ spec, sessions }: LoadedStage, { given }: MicroBatch): Tensor | null {
    if (!spec.needsInputGradient) return null;
    const data = value(given, inputGradientName);
    return { shape: shapeOf(sessions.stage, stageInput), data };
  }
}

function value(values: ReadonlyMap<string, Float32Array>, name: string): Float32Array {
  const found = values.get(name);
  if (!found) throw new Error(`expected the graph to give '${name}', got no such output`);
  return found;
}
