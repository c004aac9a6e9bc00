import { memory, plain, type LaidOut } from '../onnx/layout';
import { ModelBuilder, type Value } from '../onnx/model-builder';
import { add } from '../operations/add';
import { batchStatistics, centredBy, normalise } from '../operations/batch-norm';
import { convolution, forwardWeightOrder } from '../operations/convolution';
import { globalAveragePool } from '../operations/global-average-pool';
import { linear } from '../operations/linear';
import { maxPool } from '../operations/max-pool';
import { padShortcut } from '../operations/pad-shortcut';
import { relu } from '../operations/relu';
import { foldedBiasName, foldedConvolutions, foldedWeightName } from './folding';
import { inputName, meanName, outputName, savedName, varianceName, type BuiltGraph } from './names';
import { normalisationOf, type Normalisation } from './normalisation';
import { scopeOf, stateInput, weightInput, type Scope } from './scope';
import { shapeOf, stageInput, type StageGraph } from './stage-graph';

/** Adds the nodes that write the value, and those of what they read where there are none yet. */
export function forwardOf(scope: Scope, name: string): LaidOut {
  const normalisation = normalisationOf(scope.stage, name);
  if (normalisation) return normalised(scope, normalisation);
  const { graph, stage, value } = scope;
  const operation = stage.producers.get(name);
  if (!operation) throw new Error(`the stage reads '${name}', which nothing writes`);
  const input = value(operation.input);
  const outputShape = shapeOf(stage, name);
  switch (operation.kind) {
    case 'convolution': {
      const order = forwardWeightOrder(operation, stage.blockSize);
      const weight = weightInput(scope, operation, order);
      return convolution(graph, operation, input, weight, order, outputShape);
    }
    case 'batchNorm':
      return normalised(scope, { batchNorm: operation, relu: false });
    case 'relu':
      return relu(graph, input);
    case 'add':
      return add(graph, input, value(operation.other));
    case 'maxPool':
      return maxPool(graph, operation, input, outputShape);
    case 'padShortcut':
      return padShortcut(graph, operation, input);
    case 'globalAveragePool':
      return globalAveragePool(graph, input);
    case 'linear': {
      const { weight, bias } = operation;
      return linear(graph, plain(graph, input), stateInput(scope, weight), stateInput(scope, bias));
    }
  }
}

function normalised(scope: Scope, { batchNorm, other, relu }: Normalisation): LaidOut {
  const { graph, stage, value, folded } = scope;
  const sum = other === undefined ? undefined : value(other);
  const pair = folded?.get(batchNorm.output);
  if (!pair) {
    const statistics = scope.statistics(batchNorm);
    const weight = stateInput(scope, batchNorm.weight);
    const bias = stateInput(scope, batchNorm.bias);
    return normalise(graph, batchNorm, statistics, weight, { bias, sum, relu });
  }
  const { convolution: operation } = pair;
  const order = forwardWeightOrder(operation, stage.blockSize);
  const named = { ...operation, weight: foldedWeightName(operation.weight) };
  const weight = weightInput(scope, named, order);
  const bias = graph.input(foldedBiasName(operation.weight), [operation.outChannels]);
  const outputShape = shapeOf(stage, batchNorm.output);
  const input = value(operation.input);
  return convolution(graph, operation, input, weight, order, outputShape, { bias, sum, relu });
}

/**
 * The training forward. Besides the output it gives each batch norm's mean and variance, and the
 * values named in `saved`, in the layout that they have in the stage.
 */
export function trainingGraph(stage: StageGraph, saved: ReadonlySet<string>): BuiltGraph {
  const graph = new ModelBuilder('forward');
  const scope = scopeOf(graph, stage, {
    value: valueFromInput,
    statistics: ({ value }, { input }) => {
      const statistics = batchStatistics(graph, value(input));
      graph.output(meanName(input), statistics.mean);
      graph.output(varianceName(input), statistics.variance);
      return statistics;
    },
  });
  const output = plain(graph, scope.value(stage.output));
  for (const name of saved) {
    if (name !== stageInput) graph.output(savedName(name), memory(scope.value(name)));
  }
  return finished(graph, output);
}

/** The forward with running statistics, which are folded into the convolutions where they can be. */
export function evaluationGraph(stage: StageGraph): BuiltGraph {
  const graph = new ModelBuilder('evaluation');
  const scope = scopeOf(graph, stage, {
    value: valueFromInput,
    statistics: ({ value }, { input, runningMean, runningVar }) => {
      const mean = stateInput(scope, runningMean);
      const variance = stateInput(scope, runningVar);
      return { mean, variance, centred: centredBy(graph, value(input), mean) };
    },
    folded: foldedConvolutions(stage.operations),
  });
  return finished(graph, plain(graph, scope.value(stage.output)));
}

function valueFromInput(scope: Scope, name: string): LaidOut {
  return name === stageInput
    ? scope.graph.input(inputName, shapeOf(scope.stage, stageInput))
    : forwardOf(scope, name);
}

function finished(graph: ModelBuilder, output: Value): BuiltGraph {
  graph.output(outputName, output);
  const { inputs, outputs } = graph;
  return { model: graph.encode(), inputs, outputs };
}
