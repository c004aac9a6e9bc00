import type { BatchNorm, Convolution } from '../../../runtime/model/graph';
import { laidOut, type LaidOut } from '../onnx/layout';
import type { ModelBuilder, Value } from '../onnx/model-builder';
import type { Statistics } from '../operations/batch-norm';
import type { WeightOrder } from '../operations/convolution';
import type { FoldedConvolution } from './folding';
import { orderedName } from './names';
import { remember } from './remember';
import type { StageGraph } from './stage-graph';

/** Where an operation finds what it reads, and the graph that it adds its nodes to. */
export interface Scope {
  readonly graph: ModelBuilder;
  readonly stage: StageGraph;
  /** A value in the layout that its shape has in this stage. */
  readonly value: (name: string) => LaidOut;
  /** What a batch norm normalises its input by. */
  readonly statistics: (operation: BatchNorm) => Statistics;
  /** Convolutions that are one with the batch norm behind them, by the value that it writes. */
  readonly folded?: ReadonlyMap<string, FoldedConvolution>;
}

/** A scope in which values and statistics are made when they are first asked for. */
export function scopeOf(
  graph: ModelBuilder,
  stage: StageGraph,
  make: {
    value: (scope: Scope, name: string) => LaidOut;
    statistics: (scope: Scope, operation: BatchNorm) => Statistics;
    folded?: ReadonlyMap<string, FoldedConvolution>;
  },
): Scope {
  const values = new Map<string, LaidOut>();
  const statistics = new Map<string, Statistics>();
  const scope: Scope = {
    ...make,
    graph,
    stage,
    value: (name) =>
      remember(values, name, () => laidOut(graph, make.value(scope, name), stage.blockSize)),
    statistics: (operation) =>
      remember(statistics, operation.input, () => make.statistics(scope, operation)),
  };
  return scope;
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
