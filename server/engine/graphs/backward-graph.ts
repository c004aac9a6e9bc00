import type { BatchNorm, Operation } from '../../../runtime/model/graph';
import { blocked, laidOut, layoutOf, memory, plain, type LaidOut } from '../onnx/layout';
import { ModelBuilder } from '../onnx/model-builder';
import { add } from '../operations/add';
import {
  batchNormGradients,
  batchStatistics,
  centredBy,
  type BatchNormGradients,
  type Statistics,
} from '../operations/batch-norm';
import {
  addsSum,
  convolutionInputGradient,
  convolutionWeightGradient,
  forwardWeightOrder,
  inputGradientWeightOrder,
} from '../operations/convolution';
import { globalAveragePoolInputGradient } from '../operations/global-average-pool';
import { linearInputGradient, linearWeightGradient } from '../operations/linear';
import { maxPoolInputGradient, reluMaxPoolInputGradient } from '../operations/max-pool';
import { padShortcutInputGradient } from '../operations/pad-shortcut';
import { reluInputGradient } from '../operations/relu';
import { logitsGradient } from '../operations/softmax-cross-entropy';
import { forwardOf } from './forward-graph';
import {
  gradientName,
  inputGradientName,
  meanName,
  outputGradientName,
  outputName,
  savedName,
  targetsName,
  valueGradientName,
  varianceName,
  type BuiltGraph,
} from './names';
import { remember } from './remember';
import { scopeOf, stateInput, weightInput, type Scope } from './scope';
import { readersOf, shapeOf, stageInput, type StageGraph } from './stage-graph';

/**
 * `whole`: everything. `input`: the input gradient, the batch norms' parameter gradients, and the
 * gradients of values that `weight` takes from there to the other parameters' gradients. `step`:
 * forward, loss and everything, at the last stage. All add the same nodes for the same value, so
 * that the results are bitwise the same.
 */
export type BackwardPart = 'whole' | 'input' | 'weight' | 'step';

export interface BackwardOptions {
  /** Whether all but `weight` give the stage's input gradient. */
  readonly needsInputGradient: boolean;
  /** Samples in a whole batch: the gradients are those of the mean loss over them. */
  readonly batchSize: number;
}

export function backwardGraph(
  stage: StageGraph,
  part: BackwardPart,
  { needsInputGradient, batchSize }: BackwardOptions,
): BuiltGraph {
  const builder = new BackwardBuilder(stage, part, batchSize);
  for (const operation of stage.operations) builder.addParameterGradients(operation);
  if (part !== 'weight' && needsInputGradient) builder.addInputGradient();
  return builder.finish();
}

/** The values that a backward graph wants saved by the forward. */
export function savedValues({ inputs }: BuiltGraph): Set<string> {
  const prefix = savedName('');
  const names = inputs.map(({ name }) => name).filter((name) => name.startsWith(prefix));
  return new Set(names.map((name) => name.slice(prefix.length)));
}

/**
 * Builds a backward graph from its results: each value and each gradient is made when it is first
 * asked for. Values come from what the forward saved, or are computed again.
 */
class BackwardBuilder {
  readonly #graph: ModelBuilder;
  readonly #stage: StageGraph;
  readonly #part: BackwardPart;
  readonly #batchSize: number;
  readonly #scope: Scope;
  readonly #gradients = new Map<string, LaidOut>();
  readonly #batchNorms = new Map<Operation, BatchNormGradients>();

  constructor(stage: StageGraph, part: BackwardPart, batchSize: number) {
    this.#graph = new ModelBuilder(`backward ${part}`);
    this.#stage = stage;
    this.#part = part;
    this.#batchSize = batchSize;
    this.#scope = scopeOf(this.#graph, stage, {
      value: (scope, name) => this.#valueOf(scope, name),
      statistics: ({ value }, operation) => this.#statisticsOf(operation, value(operation.input)),
    });
  }

  addParameterGradients(operation: Operation): void {
    const graph = this.#graph;
    const { value } = this.#scope;
    const { input, output } = operation;
    if (operation.kind === 'batchNorm' && this.#part !== 'weight') {
      const { weight, bias } = this.#batchNorm(operation);
      graph.output(gradientName(operation.weight), weight);
      graph.output(gradientName(operation.bias), bias);
    }
    if (operation.kind !== 'convolution' && operation.kind !== 'linear') return;
    const outputGradient = this.#gradient(output);
    if (this.#part === 'input') {
      if (!this.#isStageOutput(output)) {
        graph.output(valueGradientName(output), memory(outputGradient));
      }
    } else if (operation.kind === 'convolution') {
      const order = forwardWeightOrder(operation, this.#stage.blockSize);
      const gradient = convolutionWeightGradient(
        graph,
        operation,
        value(input),
        outputGradient,
        order,
      );
      graph.output(gradientName(operation.weight), gradient);
    } else {
      const [x, dy] = [plain(graph, value(input)), plain(graph, outputGradient)];
      const { weight, bias } = linearWeightGradient(graph, x, dy);
      graph.output(gradientName(operation.weight), weight);
      graph.output(gradientName(operation.bias), bias);
    }
  }

  addInputGradient(): void {
    this.#graph.output(inputGradientName, plain(this.#graph, this.#gradient(stageInput)));
  }

  finish(): BuiltGraph {
    const graph = this.#graph;
    const { value } = this.#scope;
    if (this.#part === 'step') graph.output(outputName, plain(graph, value(this.#stage.output)));
    return { model: graph.encode(), inputs: graph.inputs, outputs: graph.outputs };
  }

  #valueOf(scope: Scope, name: string): LaidOut {
    const producer = this.#stage.producers.get(name);
    if (!producer) return this.#graph.input(savedName(name), shapeOf(this.#stage, name));
    if (this.#part === 'step' || !isSaved(producer)) return forwardOf(scope, name);
    return this.#handedOver(savedName(name), name);
  }

  /** A value or its gradient from another graph, in the layout that it has all through the stage. */
  #handedOver(input: string, name: string): LaidOut {
    const shape = shapeOf(this.#stage, name);
    const value = this.#graph.input(input, shape);
    const blockSize = layoutOf(shape, this.#stage.blockSize);
    return blockSize === undefined ? value : blocked(value, blockSize);
  }

  #gradient(name: string): LaidOut {
    return remember(this.#gradients, name, () =>
      laidOut(this.#graph, this.#gradientOf(name), this.#stage.blockSize),
    );
  }

  #gradientOf(name: string): LaidOut {
    if (this.#isStageOutput(name)) return this.#gradientFromBehind();
    if (this.#part === 'weight') return this.#handedOver(valueGradientName(name), name);
    const { blockSize, operations, output } = this.#stage;
    const readers = operations.toReversed();
    const summing = readers.find(
      (operation) =>
        operation.kind === 'convolution' &&
        operation.input === name &&
        addsSum(operation, inputGradientWeightOrder(operation, blockSize)),
    );
    const parts = readers
      .filter((operation) => operation !== summing)
      .flatMap((operation) => this.#partsOfGradient(operation, name));
    if (name === output) parts.unshift(this.#gradientFromBehind());
    const [first, ...others] = parts.map((part) => laidOut(this.#graph, part, blockSize));
    const sum = first && others.reduce((sum, part) => add(this.#graph, sum, part), first);
    if (summing?.kind === 'convolution') return this.#convolutionGradient(summing, sum);
    if (!sum) throw new Error(`nothing in the stage reads '${name}'`);
    return sum;
  }

  /** What one operation adds to the gradient of a value; an `add` may read the value twice. */
  #partsOfGradient(operation: Operation, name: string): LaidOut[] {
    if (operation.kind === 'add') {
      const reads = [operation.input, operation.other].filter((value) => value === name);
      return reads.map(() => this.#gradient(operation.output));
    }
    return operation.input === name ? [this.#inputGradient(operation)] : [];
  }

  #inputGradient(operation: Exclude<Operation, { kind: 'add' }>): LaidOut {
    const graph = this.#graph;
    const { value } = this.#scope;
    if (operation.kind === 'batchNorm') return this.#batchNorm(operation).input();
    if (operation.kind === 'convolution') return this.#convolutionGradient(operation);
    if (operation.kind === 'relu') return this.#reluGradient(operation);
    const inputShape = shapeOf(this.#stage, operation.input);
    const outputGradient = this.#gradient(operation.output);
    switch (operation.kind) {
      case 'maxPool':
        return maxPoolInputGradient(graph, operation, outputGradient, value(operation.input));
      case 'padShortcut':
        return padShortcutInputGradient(graph, operation, outputGradient, inputShape);
      case 'globalAveragePool': {
        const { blockSize } = this.#stage;
        const means = plain(graph, outputGradient);
        return globalAveragePoolInputGradient(graph, means, inputShape, blockSize);
      }
      case 'linear': {
        const weight = stateInput(this.#scope, operation.weight);
        return linearInputGradient(graph, plain(graph, outputGradient), weight);
      }
    }
  }

  /** Where a max pool alone reads the values, what the ReLU stops is stopped behind the pool. */
  #reluGradient({ output }: Extract<Operation, { kind: 'relu' }>): LaidOut {
    const { value } = this.#scope;
    const [pool, ...others] = readersOf(this.#stage, output);
    if (pool?.kind !== 'maxPool' || others.length > 0 || output === this.#stage.output) {
      return reluInputGradient(this.#graph, this.#gradient(output), value(output));
    }
    const ends = { input: value(output), output: value(pool.output) };
    return reluMaxPoolInputGradient(this.#graph, pool, this.#gradient(pool.output), ends);
  }

  #convolutionGradient(
    operation: Extract<Operation, { kind: 'convolution' }>,
    sum?: LaidOut,
  ): LaidOut {
    const order = inputGradientWeightOrder(operation, this.#stage.blockSize);
    const weight = weightInput(this.#scope, operation, order);
    const inputShape = shapeOf(this.#stage, operation.input);
    const outputGradient = this.#gradient(operation.output);
    return convolutionInputGradient(
      this.#graph,
      operation,
      outputGradient,
      weight,
      order,
      inputShape,
      sum,
    );
  }

  /** The gradient of the stage's output. */
  #gradientFromBehind(): LaidOut {
    const { output } = this.#stage;
    const shape = shapeOf(this.#stage, output);
    if (this.#part !== 'step') return this.#graph.input(outputGradientName, shape);
    const logits = plain(this.#graph, this.#scope.value(output));
    const targets = this.#graph.input(targetsName, shape);
    return logitsGradient(this.#graph, logits, targets, this.#batchSize);
  }

  #statisticsOf({ input, channels }: BatchNorm, value: LaidOut): Statistics {
    const graph = this.#graph;
    if (this.#part !== 'step') {
      const mean = graph.input(meanName(input), [channels]);
      const variance = graph.input(varianceName(input), [channels]);
      return { mean, variance, centred: centredBy(graph, value, mean) };
    }
    const statistics = batchStatistics(graph, value);
    graph.output(meanName(input), statistics.mean);
    graph.output(varianceName(input), statistics.variance);
    return statistics;
  }

  #batchNorm(operation: BatchNorm): BatchNormGradients {
    return remember(this.#batchNorms, operation, () => {
      const statistics = this.#scope.statistics(operation);
      const weight = stateInput(this.#scope, operation.weight);
      const outputGradient = this.#gradient(operation.output);
      return batchNormGradients(this.#graph, operation, outputGradient, statistics, weight);
    });
  }

  /** Whether the value leaves the stage and nothing within reads it. */
  #isStageOutput(name: string): boolean {
    return name === this.#stage.output && readersOf(this.#stage, name).length === 0;
  }
}

/**
 * Convolutions are too dear to compute again, the pooled features are few; all else is computed
 * again from those, because ONNX Runtime copies whatever it hands out.
 */
function isSaved({ kind }: Operation): boolean {
  return kind === 'convolution' || kind === 'globalAveragePool';
}
