import type { Convolution, Operation } from '../../../runtime/model/graph';
import { ModelBuilder, type Value } from '../onnx/model-builder';
import { elementWise } from '../onnx/operators';
import { batchStatistics, normalise, type Statistics } from '../operations/batch-norm';
import { convolution, forwardWeightOrder, type WeightOrder } from '../operations/convolution';
import { globalAveragePool } from '../operations/global-average-pool';
import { linear } from '../operations/linear';
import { maxPool } from '../operations/max-pool';
import { padShortcut } from '../operations/pad-shortcut';
import { relu } from '../operations/relu';
import {
  foldedBiasName,
  foldedConvolutions,
  foldedWeightName,
  type FoldedConvolution,
} from './folding';
import {
  inputName,
  meanName,
  orderedName,
  outputName,
  savedName,
  varianceName,
  type BuiltGraph,
} from './names';
import { shapeOf, stageInput, type StageGraph } from './stage-graph';

/** Where an operation finds what it reads, and the graph that it adds its nodes to. */
export interface Scope {
  readonly graph: ModelBuilder;
  readonly stage: StageGraph;
  readonly value: (name: string) => Value;
  /** Mean and variance by which a batch norm normalises its input. */
  readonly statistics: (operation: Extract<Operation, { kind: 'batchNorm' }>) => Statistics;
}

/** A parameter or buffer, as an input of the graph. */
export function stateInput({ graph, stage }: Pick<Scope, 'graph' | 'stage'>, name: string): Value {
  const shape = stage.stateShapes.get(name);
  if (!shape) throw new Error(`expected a parameter or buffer of the stage, got '${name}'`);
  return graph.input(name, shape);
}

/** A convolution's weights in the order in which it is to read them, as an input of the graph. */
export function weightInput(
  { graph }: Pick<Scope, 'graph'>,
  { weight, inChannels, outChannels, kernel }: Convolution,
  order: WeightOrder,
): Value {
  const channels = order.rotated ? [inChannels, outChannels] : [outChannels, inChannels];
  return graph.input(orderedName(weight, order), [...channels, kernel, kernel]);
}

/** Adds the nodes of one operation. */
export function forwardOf(scope: Scope, operation: Operation): Value {
  const { graph, stage, value } = scope;
  const input = value(operation.input);
  const outputShape = shapeOf(stage, operation.output);
  const state = (name: string): Value => stateInput(scope, name);
  switch (operation.kind) {
    case 'convolution': {
      const order = forwardWeightOrder(operation, stage.blockSize);
      const weight = weightInput(scope, operation, order);
      return convolution(graph, operation, input, weight, order, outputShape);
    }
    case 'batchNorm': {
      const statistics = scope.statistics(operation);
      const { weight, bias } = operation;
      return normalise(graph, operation, input, statistics, state(weight), state(bias));
    }
    case 'relu':
      return relu(graph, input);
    case 'add':
      return elementWise(graph, 'Add', input, value(operation.other));
    case 'maxPool':
      return maxPool(graph, operation, input, outputShape);
    case 'padShortcut':
      return padShortcut(graph, operation, input);
    case 'globalAveragePool':
      return globalAveragePool(graph, input);
    case 'linear':
      return linear(graph, input, state(operation.weight), state(operation.bias));
  }
}

/**
 * The training forward. Besides the output it gives each batch norm's mean and variance, and the
 * values named in `saved`.
 */
export function trainingGraph(stage: StageGraph, saved: ReadonlySet<string>): BuiltGraph {
  const graph = new ModelBuilder('forward');
  const known = new Map<string, Statistics>();
  const values = run(graph, stage, (value, { input }) => {
    const shared = known.get(input);
    if (shared) return shared;
    const statistics = batchStatistics(graph, value);
    graph.output(meanName(input), statistics.mean);
    graph.output(varianceName(input), statistics.variance);
    known.set(input, statistics);
    return statistics;
  });
  for (const name of saved) {
    if (name !== stageInput) graph.output(savedName(name), valueIn(values, name));
  }
  return finished(graph, valueIn(values, stage.output));
}

/** The forward with running statistics, which are folded into the convolutions where they can be. */
export function evaluationGraph(stage: StageGraph): BuiltGraph {
  const graph = new ModelBuilder('evaluation');
  const statistics: StatisticsOf = (_value, { runningMean, runningVar }) => ({
    mean: stateInput({ graph, stage }, runningMean),
    variance: stateInput({ graph, stage }, runningVar),
  });
  const values = run(graph, stage, statistics, foldedConvolutions(stage.operations));
  return finished(graph, valueIn(values, stage.output));
}

function foldedForward(
  scope: Scope,
  { convolution: operation, batchNorm }: FoldedConvolution,
): Value {
  const { graph, stage, value } = scope;
  const order = forwardWeightOrder(operation, stage.blockSize);
  const folded = { ...operation, weight: foldedWeightName(operation.weight) };
  const weight = weightInput(scope, folded, order);
  const bias = graph.input(foldedBiasName(operation.weight), [operation.outChannels]);
  const outputShape = shapeOf(stage, batchNorm.output);
  return convolution(graph, operation, value(operation.input), weight, order, outputShape, bias);
}

type StatisticsOf = (
  input: Value,
  operation: Extract<Operation, { kind: 'batchNorm' }>,
) => Statistics;

function run(
  graph: ModelBuilder,
  stage: StageGraph,
  statisticsOf: StatisticsOf,
  folded: ReadonlyMap<string, FoldedConvolution> = new Map<string, FoldedConvolution>(),
): Values {
  const alone = new Set([...folded.values()].map((pair) => pair.convolution.output));
  const input = graph.input(inputName, shapeOf(stage, stageInput));
  const values = new Map([[stageInput, input]]);
  const value = (name: string): Value => valueIn(values, name);
  const scope: Scope = {
    graph,
    stage,
    value,
    statistics: (operation) => statisticsOf(value(operation.input), operation),
  };
  for (const operation of stage.operations) {
    if (alone.has(operation.output)) continue;
    const pair = folded.get(operation.output);
    values.set(operation.output, pair ? foldedForward(scope, pair) : forwardOf(scope, operation));
  }
  return values;
}

type Values = ReadonlyMap<string, Value>;

function valueIn(values: Values, name: string): Value {
  const value = values.get(name);
  if (!value) throw new Error(`the stage reads '${name}' before anything writes it`);
  return value;
}

function finished(graph: ModelBuilder, output: Value): BuiltGraph {
  graph.output(outputName, output);
  const { inputs, outputs } = graph;
  return { model: graph.encode(), inputs, outputs };
}
