import type { Precision } from '../../runtime/engine';
import { planStage } from '../../runtime/pipeline/assignment';
import type { PipelineStage } from '../../runtime/pipeline/stage';
import type { StageAssignment } from '../../runtime/protocol/message';
import { expectRoom } from '../../runtime/webgpu/device-memory';
import type { MemoryUse } from '../../runtime/webgpu/memory-use';
import { expectPrecision } from '../../runtime/webgpu/precision';
import { unitsToRecompute } from '../../runtime/webgpu/recomputation';
import { layOutStage } from '../../runtime/webgpu/stage-layout';

/** Whether activations are computed once more in the backward; `auto`: of the units that don't fit. */
export const recomputeChoices = ['auto', 'always', 'never'] as const;
export type RecomputeChoice = (typeof recomputeChoices)[number];

/** An assignment as its device gets it. */
export interface FittedAssignment {
  readonly assignment: StageAssignment;
  /** What it will hold there; undefined for the CPU engine, which takes what main memory gives. */
  readonly memory: MemoryUse | undefined;
}

/** What of a run's config decides how its stages are held. */
interface Wanted {
  readonly recompute: RecomputeChoice;
  readonly precision: Precision;
}

type Device = Pick<PipelineStage, 'engine' | 'memory' | 'precisions' | 'device'>;

/**
 * Decides on recomputation for the device that is to hold a stage.
 * @throws PrecisionError when the device can't store activations as asked
 * @throws StageMemoryError when the stage doesn't fit into the memory that the device offers
 */
export function fitToDevice(
  assignment: StageAssignment,
  { engine, memory: offered, precisions, device }: Device,
  { recompute: choice, precision }: Wanted,
): FittedAssignment {
  if (engine === 'cpu') return { assignment, memory: undefined };
  expectPrecision(precision, precisions, device);
  const stored = precision === 'f32' ? assignment : { ...assignment, precision };
  // An old worker that does not say what it has.
  if (!offered) return { assignment: stored, memory: undefined };
  const { spec } = planStage(stored);
  const recompute = {
    always: () => spec.units.map(({ name }) => name),
    never: () => [],
    auto: () => unitsToRecompute(spec, offered.bufferBytes, offered.totalBytes),
  }[choice]();
  const asked = recompute.length > 0 ? { recompute } : {};
  const layout = layOutStage({ ...spec, ...asked }, offered.bufferBytes);
  expectRoom({ ...spec, ...asked }, layout, offered, device);
  return { assignment: { ...stored, ...asked }, memory: layout.memory };
}
