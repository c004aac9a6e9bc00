import type { StageSpec } from '../engine';
import { elementCount } from '../tensor';
import { ParamsArena } from './commands';
import type { Dispatch } from './kernel';
import { planLifetimes } from './lifetimes';
import type { Allocation, Region } from './memory';
import type { MemoryUse } from './memory-use';
import type { TileChoice } from './operations/convolution';
import type { ArenaMemory } from './tensor-arena';
import { planStage, type StagePlan } from './stage-plan';

/** One GPU buffer to be, and the allocations that it stands for. */
export interface PlannedBuffer {
  readonly label: string;
  readonly bytes: number;
  readonly allocations: readonly Allocation[];
}

/** Buffers of one exact size that results are read back through, in turn. */
export interface PlannedStaging {
  readonly label: string;
  readonly bytes: number;
  readonly count: number;
}

/**
 * All that a stage will ever hold on a device: counted, and refused where it is too much, before
 * the device is asked for any of it. Not one buffer: WebGPU would see each kernel read and write
 * the same one at once, and refuse that even where the parts are apart.
 */
export interface StageLayout {
  readonly plan: StagePlan;
  readonly params: ParamsArena;
  readonly common: readonly PlannedBuffer[];
  /** Held once for each micro-batch in flight. */
  readonly kept: readonly PlannedBuffer[];
  readonly maxInFlight: number;
  readonly staging: Readonly<Record<'output' | 'inputGradient' | 'loss' | 'state', PlannedStaging>>;
  readonly memory: MemoryUse;
}

/** Results of a kind that may be on their way back: as many as there are submits in flight. */
const stagingCount = 2;

/** For state: large enough for the largest weight of a ResNet, small enough for a phone. */
const preferredStagingBytes = 16 * 2 ** 20;

/**
 * @param maxBindingBytes the device's `maxStorageBufferBindingSize`
 * @param tiles which of the convolutions' kernels to run
 * @throws ShapeError when the units don't fit together or the input
 */
export function layOutStage(
  spec: StageSpec,
  maxBindingBytes: number,
  tiles?: TileChoice,
): StageLayout {
  const plan = planStage(spec, maxBindingBytes, tiles);
  const { parameters, gradients, slots, statistics, ...single } = plan.memory;
  const partsOf = (...arenas: ArenaMemory[]): PlannedBuffer[] =>
    arenas.flatMap(({ parts }) => parts.map(buffer));
  const weights = partsOf(parameters, statistics);
  const gradientParts = partsOf(gradients);
  const optimizer = partsOf(...slots.values());
  const transfer = Object.values(single).map(buffer);
  const permanent = [...weights, ...gradientParts, ...optimizer, ...transfer];
  const lifetimes = planLifetimes(
    [
      [...plan.forward, ...plan.forwardOutput, ...plan.forwardLoss],
      plan.evaluate,
      plan.backwardInput,
      plan.backwardWeight,
      plan.backward,
      plan.optimizer,
    ],
    new Set(permanent.flatMap(({ allocations }) => allocations)),
  );
  const kept = lifetimes.kept.map(alone);
  const workspace = lifetimes.scratch.map((shared, index) => ({
    label: `scratch ${index}`,
    ...shared,
  }));
  const params = new ParamsArena(dispatchesOf(plan));
  const staging = planStaging(spec, plan);
  return {
    plan,
    params,
    common: [...permanent, ...workspace],
    kept,
    maxInFlight: spec.maxInFlight,
    staging,
    memory: {
      weights: sum(weights),
      gradients: sum(gradientParts),
      optimizer: sum(optimizer),
      activations: spec.maxInFlight * sum(kept),
      workspace: sum(workspace),
      transfer:
        sum(transfer) +
        Object.values(staging).reduce((total, { bytes, count }) => total + bytes * count, 0) +
        params.bytes,
    },
  };
}

/** Every dispatch of the plan, in all passes. */
export function dispatchesOf(plan: StagePlan): Dispatch[] {
  return [
    plan.forward,
    plan.forwardOutput,
    plan.forwardLoss,
    plan.evaluate,
    plan.backwardInput,
    plan.backwardWeight,
    plan.backward,
    plan.optimizer,
  ].flat();
}

function planStaging(
  { needsInputGradient }: StageSpec,
  { memory, inputShape, outputShape }: StagePlan,
): StageLayout['staging'] {
  const { parameters, statistics, lossResult } = memory;
  const arenas = [parameters.arena, statistics.arena];
  const largestTensor = Math.max(
    4,
    ...arenas.flatMap(({ places }) => places.map(({ layout }) => layout.bytes)),
  );
  const largestPart = Math.max(4, ...arenas.flatMap(({ parts }) => parts));
  const state = Math.max(largestTensor, Math.min(preferredStagingBytes, largestPart));
  const ring = (label: string, bytes: number, count = stagingCount): PlannedStaging => ({
    label,
    bytes,
    count,
  });
  return {
    output: ring('output', elementCount(outputShape) * 4),
    inputGradient: ring(
      'input gradient',
      elementCount(inputShape) * 4,
      needsInputGradient ? stagingCount : 0,
    ),
    loss: ring('loss', lossResult.bytes),
    state: ring('state', state, 1),
  };
}

function buffer({ allocation }: Region): PlannedBuffer {
  return alone(allocation);
}

function alone(allocation: Allocation): PlannedBuffer {
  return { ...allocation, allocations: [allocation] };
}

function sum(planned: readonly PlannedBuffer[]): number {
  return planned.reduce((total, { bytes }) => total + bytes, 0);
}
