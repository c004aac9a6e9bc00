import { optimizerSlots, type OptimizerStep, type StageSpec } from '../engine';
import { buffersOf, parametersOf } from '../model/graph';
import type { Shape } from '../tensor';
import type { Dispatch } from './kernel';
import { allocate, type Region } from './memory';
import { operationModules } from './operations';
import { adamw } from './operations/adamw';
import { boundaryBytes, fromBoundary, toBoundary } from './operations/boundary';
import { convolutionWith, largestTiles, type TileChoice } from './operations/convolution';
import { sgd } from './operations/sgd';
import { softmaxCrossEntropy } from './operations/softmax-cross-entropy';
import { inPrecision, lossScaleOf } from './precision';
import { StageGraph } from './stage-graph';
import { StageWalk } from './stage-walk';
import { arenaMemory, planArena, tensorRegions, type ArenaMemory } from './tensor-arena';
import type { TensorLayout } from './tensor-layout';
import { valueLayout, type Value } from './value';

/** What a stage runs, as lists of dispatches over memory that does not exist yet. */
export interface StagePlan {
  /** From the uploaded input to the last unit's output. */
  readonly forward: readonly Dispatch[];
  /** After `forward`: the output into `download`. */
  readonly forwardOutput: readonly Dispatch[];
  /** After `forward`: loss, its gradient, and the count of correct predictions. */
  readonly forwardLoss: readonly Dispatch[];
  readonly evaluate: readonly Dispatch[];
  /** From the uploaded output gradient (the loss's, where the stage has one) to `download`. */
  readonly backwardInput: readonly Dispatch[];
  readonly backwardWeight: readonly Dispatch[];
  /** Both halves as one, where they never come apart: then the halves are empty, else this is. */
  readonly backward: readonly Dispatch[];
  readonly optimizer: readonly Dispatch[];
  encodeStep(step: OptimizerStep): ArrayBuffer;
  readonly memory: StageMemory;
  /** What the summed gradients are stored times. */
  readonly lossScale: number;
  /** With the batch axis. */
  readonly inputShape: Shape;
  readonly outputShape: Shape;
}

/** The memory that outlives every pass. */
export interface StageMemory {
  readonly parameters: ArenaMemory;
  readonly gradients: ArenaMemory;
  /** By the optimizer's name for them: `momentum_buffer`. */
  readonly slots: ReadonlyMap<string, ArenaMemory>;
  readonly statistics: ArenaMemory;
  /** NCHW tensors on their way in and out; as large as the larger of input and output. */
  readonly upload: Region;
  readonly download: Region;
  readonly labels: Region;
  /** Mean loss and number correct. */
  readonly lossResult: Region;
  readonly optimizerStep: Region;
}

/**
 * Lays out a stage.
 *
 * @param maxBindingBytes the device's `maxStorageBufferBindingSize`
 * @param tiles which of the convolutions' kernels to run
 * @throws ShapeError when the units don't fit together or the input
 */
export function planStage(
  spec: StageSpec,
  maxBindingBytes: number,
  tiles: TileChoice = largestTiles,
): StagePlan {
  const { microBatchSize: batch, needsInputGradient, precision = 'f32' } = spec;
  const lossScale = lossScaleOf(spec);
  const graph = new StageGraph(spec.units, spec.inputShape, {
    ...operationModules,
    convolution: convolutionWith(tiles),
  });
  const memory = planMemory(spec, graph, maxBindingBytes);
  const options = {
    batch,
    precision,
    needsInputGradient,
    recompute: new Set(spec.recompute),
    tensors: new Map([...tensorRegions(memory.parameters), ...tensorRegions(memory.statistics)]),
    tensorGradients: tensorRegions(memory.gradients),
  };
  const training = new StageWalk(graph, options);
  const evaluation = new StageWalk(graph, options);
  const { dispatches: optimizer, encodeStep } = planOptimizer(spec, memory, 1 / lossScale);
  const splits = spec.splitsBackward ?? true;
  const stored = (dispatches: readonly Dispatch[]): Dispatch[] =>
    inPrecision(dispatches, precision);
  const betweenBoundaries = (dispatches: readonly Dispatch[]): Dispatch[] =>
    stored([
      ...(spec.loss ? [] : [upload(memory, training.gradient(graph.output), lossScale)]),
      ...dispatches,
      ...(needsInputGradient
        ? [download(memory, training.gradient(graph.input), 1 / lossScale)]
        : []),
    ]);
  return {
    forward: stored([upload(memory, training.value(graph.input)), ...training.forward()]),
    forwardOutput: stored([download(memory, training.value(graph.output))]),
    forwardLoss: stored(
      planLoss(
        spec,
        memory,
        training.value(graph.output),
        training.gradient(graph.output),
        lossScale,
      ),
    ),
    evaluate: stored([
      upload(memory, evaluation.value(graph.input)),
      ...evaluation.evaluate(),
      download(memory, evaluation.value(graph.output)),
    ]),
    backwardInput: splits ? betweenBoundaries(training.backwardInput()) : [],
    backwardWeight: splits ? stored(training.backwardWeight()) : [],
    backward: splits ? [] : betweenBoundaries(training.backward()),
    optimizer,
    encodeStep,
    memory,
    lossScale,
    inputShape: [batch, ...spec.inputShape],
    outputShape: [batch, ...graph.shapeOf(graph.output)],
  };
}

function upload({ upload: { allocation } }: StageMemory, value: Value, scale = 1): Dispatch {
  const tensor = { allocation, offset: 0, bytes: boundaryBytes(value.layout) };
  return fromBoundary(tensor, value, scale);
}

function download({ download: { allocation } }: StageMemory, value: Value, scale = 1): Dispatch {
  const tensor = { allocation, offset: 0, bytes: boundaryBytes(value.layout) };
  return toBoundary(value, tensor, scale);
}

function planLoss(
  { loss, microBatchSize, numMicroBatches }: StageSpec,
  memory: StageMemory,
  logits: Value,
  gradient: Value,
  lossScale: number,
): readonly Dispatch[] {
  if (!loss) return [];
  return softmaxCrossEntropy({
    logits,
    labels: memory.labels,
    gradient,
    result: memory.lossResult,
    labelSmoothing: loss.labelSmoothing,
    gradientScale: lossScale / (microBatchSize * numMicroBatches),
    buffer: allocate,
  });
}

function planMemory(spec: StageSpec, graph: StageGraph, maxBindingBytes: number): StageMemory {
  const layouts = new Map<string, TensorLayout>(
    graph.steps.flatMap(({ module, operation }) => [...(module.tensors?.(operation) ?? [])]),
  );
  const parameters = planArena(parametersOf(spec.units), layouts, maxBindingBytes);
  const statistics = planArena(buffersOf(spec.units), layouts, maxBindingBytes);
  const boundary = Math.max(
    ...[graph.input, graph.output].map((key) =>
      boundaryBytes(valueLayout(spec.microBatchSize, graph.shapeOf(key))),
    ),
  );
  return {
    parameters: arenaMemory('parameters', parameters),
    gradients: arenaMemory('gradients', parameters),
    slots: new Map(
      optimizerSlots(spec.optimizer).map((slot) => [slot, arenaMemory(slot, parameters)]),
    ),
    statistics: arenaMemory('statistics', statistics),
    upload: allocate('upload', boundary),
    download: allocate('download', boundary),
    labels: allocate('labels', spec.microBatchSize * 4),
    lossResult: allocate('loss', 8),
    optimizerStep: allocate('optimizer step', 256),
  };
}

function planOptimizer(
  { optimizer: config }: StageSpec,
  memory: StageMemory,
  gradientScale: number,
): { dispatches: Dispatch[]; encodeStep: StagePlan['encodeStep'] } {
  const slots = [...memory.slots.values()];
  const dispatches = memory.parameters.parts.flatMap((parameters, part) => {
    const gradients = memory.gradients.parts[part];
    if (!gradients) throw new Error(`gradients have no part ${part}`);
    const arrays = {
      parameters,
      gradients,
      slots: slots.flatMap(({ parts }) => parts[part] ?? []),
      step: memory.optimizerStep,
      gradientScale,
    };
    return config.kind === 'sgd'
      ? sgd.dispatches(config, arrays)
      : adamw.dispatches(config, arrays);
  });
  const encodeStep = (step: OptimizerStep): ArrayBuffer =>
    config.kind === 'sgd' ? sgd.encodeStep(config, step) : adamw.encodeStep(config, step);
  return { dispatches, encodeStep };
}
