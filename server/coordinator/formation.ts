import type { PipelineStage } from '../../runtime/pipeline/stage';
import type { RemoteWorker } from '../link/remote-worker';
import type { TrainConfig } from './config';
import { fitToDevice } from './fit';
import { Pipeline } from './pipeline';
import type { PipelinePlan } from './plan';
import type { StageRecord } from './records';
import type { Snapshot } from './snapshots';

/** Who computes what: a plan, the workers in it, and the pipeline that they make with the host. */
export interface Formation {
  readonly plan: PipelinePlan;
  /** Of the stages behind the host's, in order. */
  readonly workers: readonly RemoteWorker[];
  readonly pipeline: Pipeline;
  readonly stages: readonly StageRecord[];
}

/**
 * Allocates the plan's stages, each as its device has room, and loads them with the snapshot.
 * @param members the host's stage and the workers', in order
 * @throws PrecisionError or StageMemoryError before any device is asked for what it doesn't have
 * @throws WorkerLostError when a worker goes in the meantime; the others can be in another formation
 */
export async function form(
  plan: PipelinePlan,
  members: readonly [PipelineStage, ...RemoteWorker[]],
  { state, step }: Snapshot,
  config: TrainConfig,
): Promise<Formation> {
  const fitted = plan.assignments.map((assignment, index) => {
    const member = members[index];
    if (!member) throw new RangeError(`expected ${plan.assignments.length} stages, got ${index}`);
    return { ...fitToDevice(assignment, member, config), member };
  });
  const assignments = fitted.map(({ assignment }) => assignment);
  const pipeline = new Pipeline(members, assignments, plan.actions);
  const memoryBytes = await pipeline.prepare();
  await pipeline.load(state, step, config.steps);
  const stages = fitted.map(({ assignment, memory, member }, index): StageRecord => ({
    engine: member.engine,
    device: member.device,
    units: [assignment.firstUnit, assignment.lastUnit],
    memoryBytes: memoryBytes[index] ?? 0,
    memory: memory ?? null,
    recompute: assignment.recompute ?? [],
    precision: assignment.precision ?? 'f32',
  }));
  const [, ...workers] = members;
  return { plan, workers, pipeline, stages };
}
