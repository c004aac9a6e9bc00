import type { Operation } from '../../../runtime/model/graph';
import { ModelBuilder, type Value } from '../onnx/model-builder';
import { elementWise } from '../onnx/operators';
import {
  batchNormGradients,
  batchStatistics,
  centred,
  type BatchNormGradients,
  type Statistics,
} from '../operations/batch-norm';
import {
  convolutionInputGradient,
  convolutionWeightGradient,
  forwardWeightOrder,
  inputGradientWeightOrder,
} from '../operations/convolution';
import { globalAveragePoolInputGradient } from '../operations/global-average-pool';
import { linearInputGradient, linearWeightGradient } from '../operations/linear';
import {
  maxPoolInputGradient,
  maxPoolWithIndices,
  type MaxPoolWithIndices,
} from '../operations/max-pool';
import { padShortcutInputGradient } from '../operations/pad-shortcut';
import { reluInputGradient } from '../operations/relu';
import { logitsGradient } from '../operations/softmax-cross-entropy';
import { forwardOf, stateInput, weightInput, type Scope } from './forward-graph';
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
import { shapeOf, stageInput, type StageGraph } from './stage-graph';

type OfKind<Kind extends Operation['kind']> = Extract<Operation, { kind: Kind }>;

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
  readonly #producers: ReadonlyMap<string, Operation>;
  readonly #values = new Map<string, Value>();
  readonly #statistics = new Map<string, Statistics>();
  readonly #centred = new Map<string, Value>();
  readonly #gradients = new Map<string, Value>();
  readonly #batchNorms = new Map<Operation, BatchNormGradients>();
  readonly #maxPools = new Map<Operation, MaxPoolWithIndices>();

  constructor(stage: StageGraph, part: BackwardPart, batchSize: number) {
    this.#graph = new ModelBuilder(`backward ${part}`);
    this.#stage = stage;
    this.#part = part;
    this.#batchSize = batchSize;
    this.#producers = new Map(stage.operations.map((operation) => [operation.output, operation]));
    this.#scope = {
      graph: this.#graph,
      stage,
      value: (name) => this.#value(name),
      statistics: (operation) =>
        remember(this.#statistics, operation.input, () => this.#statisticsOf(operation)),
    };
  }

  addParameterGradients(operation: Operation): void {
    const graph = this.#graph;
    const { input, output } = operation;
    if (operation.kind === 'batchNorm' && this.#part !== 'weight') {
      const { weight, bias } = this.#batchNorm(operation);
      graph.output(gradientName(operation.weight), weight);
      graph.output(gradientName(operation.bias), bias);
    }
    if (operation.kind !== 'convolution' && operation.kind !== 'linear') return;
    const outputGradient = this.#gradient(output);
    if (this.#part === 'input') {
      if (!this.#isStageOutput(output)) graph.output(valueGradientName(output), outputGradient);
    } else if (operation.kind === 'convolution') {
      const value = this.#value(input);
      const order = forwardWeightOrder(operation, this.#stage.blockSize);
      const gradient = convolutionWeightGradient(graph, operation, value, outputGradient, order);
      graph.output(gradientName(operation.weight), gradient);
    } else {
      const value = this.#value(input);
      const { weight, bias } = linearWeightGradient(graph, value, outputGradient);
      graph.output(gradientName(operation.weight), weight);
      graph.output(gradientName(operation.bias), bias);
    }
  }

  addInputGradient(): void {
    this.#graph.output(inputGradientName, this.#gradient(stageInput));
  }

  finish(): BuiltGraph {
    if (this.#part === 'step') this.#graph.output(outputName, this.#value(this.#stage.output));
    const { inputs, outputs } = this.#graph;
    return { model: this.#graph.encode(), inputs, outputs };
  }

  #value(name: string): Value {
    return remember(this.#values, name, () => {
      const producer = this.#producers.get(name);
      if (!producer || (this.#part !== 'step' && isSaved(producer))) {
        return this.#graph.input(savedName(name), shapeOf(this.#stage, name));
      }
      if (producer.kind === 'maxPool' && this.#part !== 'weight') {
        return this.#maxPool(producer).output;
      }
      return forwardOf(this.#scope, producer);
    });
  }

  #gradient(name: string): Value {
    return remember(this.#gradients, name, () => {
      const shape = shapeOf(this.#stage, name);
      const fromBehind = (): Value =>
        this.#part === 'step' ? this.#lossGradient() : this.#graph.input(outputGradientName, shape);
      if (this.#isStageOutput(name)) return fromBehind();
      if (this.#part === 'weight') return this.#graph.input(valueGradientName(name), shape);
      const parts = this.#stage.operations
        .toReversed()
        .flatMap((operation) => this.#partsOfGradient(operation, name));
      if (name === this.#stage.output) parts.unshift(fromBehind());
      if (parts.length === 0) throw new Error(`nothing in the stage reads '${name}'`);
      return parts.reduce((sum, part) => elementWise(this.#graph, 'Add', sum, part));
    });
  }

  /** What one operation adds to the gradient of a value; an `add` may read the value twice. */
  #partsOfGradient(operation: Operation, name: string): Value[] {
    if (operation.kind === 'add') {
      const reads = [operation.input, operation.other].filter((value) => value === name);
      return reads.map(() => this.#gradient(operation.output));
    }
    return operation.input === name ? [this.#inputGradient(operation)] : [];
  }

  #inputGradient(operation: Exclude<Operation, { kind: 'add' }>): Value {
    const graph = this.#graph;
    const inputShape = shapeOf(this.#stage, operation.input);
    if (operation.kind === 'batchNorm') return this.#batchNorm(operation).input();
    const outputGradient = this.#gradient(operation.output);
    switch (operation.kind) {
      case 'convolution': {
        const order = inputGradientWeightOrder(operation, this.#stage.blockSize);
        const weight = weightInput(this.#scope, operation, order);
        return convolutionInputGradient(
          graph,
          operation,
          outputGradient,
          weight,
          order,
          inputShape,
        );
      }
      case 'relu':
        return reluInputGradient(graph, outputGradient, this.#value(operation.output));
      case 'maxPool': {
        const { indices } = this.#maxPool(operation);
        return maxPoolInputGradient(graph, outputGradient, indices, inputShape);
      }
      case 'padShortcut':
        return padShortcutInputGradient(graph, operation, outputGradient, inputShape);
      case 'globalAveragePool':
        return globalAveragePoolInputGradient(graph, outputGradient, inputShape);
      case 'linear': {
        const weight = stateInput(this.#scope, operation.weight);
        return linearInputGradient(graph, outputGradient, weight);
      }
    }
  }

  #lossGradient(): Value {
    const logits = this.#value(this.#stage.output);
    const targets = this.#graph.input(targetsName, logits.shape);
    return logitsGradient(this.#graph, logits, targets, this.#batchSize);
  }

  #statisticsOf({ input, channels }: OfKind<'batchNorm'>): Statistics {
    if (this.#part !== 'step') {
      return {
        mean: this.#graph.input(meanName(input), [channels]),
        variance: this.#graph.input(varianceName(input), [channels]),
      };
    }
    const statistics = batchStatistics(this.#graph, this.#value(input));
    this.#graph.output(meanName(input), statistics.mean);
    this.#graph.output(varianceName(input), statistics.variance);
    return statistics;
  }

  #batchNorm(operation: OfKind<'batchNorm'>): BatchNormGradients {
    return remember(this.#batchNorms, operation, () => {
      const { mean, variance } = this.#scope.statistics(operation);
      const xCentred = remember(this.#centred, operation.input, () =>
        centred(this.#graph, this.#value(operation.input), mean),
      );
      const weight = stateInput(this.#scope, operation.weight);
      const outputGradient = this.#gradient(operation.output);
      return batchNormGradients(this.#graph, operation, outputGradient, xCentred, variance, weight);
    });
  }

  #maxPool(operation: OfKind<'maxPool'>): MaxPoolWithIndices {
    return remember(this.#maxPools, operation, () => {
      const outputShape = shapeOf(this.#stage, operation.output);
      return maxPoolWithIndices(this.#graph, operation, this.#value(operation.input), outputShape);
    });
  }

  /** Whether the value leaves the stage and nothing within reads it. */
  #isStageOutput(name: string): boolean {
    const { operations, output } = this.#stage;
    const isRead = operations.some(
      (operation) =>
        operation.input === name || (operation.kind === 'add' && operation.other === name),
    );
    return name === output && !isRead;
  }
}

/**
 * Convolutions are too dear to compute again, the pooled features are few; all else is computed
 * again from those, because ONNX Runtime copies whatever it hands out.
 */
function isSaved({ kind }: Operation): boolean {
  return kind === 'convolution' || kind === 'globalAveragePool';
}

function remember<Key, Item>(items: Map<Key, Item>, key: Key, make: () => Item): Item {
  const known = items.get(key);
  if (known !== undefined) return known;
  const made = make();
  items.set(key, made);
  return made;
}
