import type { OptimizerConfig, Precision } from '../../runtime/engine';
import type { ModelConfig } from '../../runtime/model/resnet';
import type { ScheduleName } from '../../runtime/schedule/schedule';
import type { RecomputeChoice } from './fit';
import type { LearningRateConfig } from './learning-rate';

/** All that fixes a training run; stands in `run.json`. */
export interface TrainConfig {
  readonly model: ModelConfig;
  readonly imageSize: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  /** Optimizer steps of the whole run. */
  readonly steps: number;
  /** Given in epochs, and so evaluated after the last one. */
  readonly epochs: number | null;
  readonly optimizer: OptimizerConfig;
  readonly learningRate: LearningRateConfig;
  readonly labelSmoothing: number;
  readonly schedule: ScheduleName;
  readonly recompute: RecomputeChoice;
  /** How WebGPU stages store activations and their gradients. */
  readonly precision: Precision;
  /** `auto`: the host alone until a worker joins; otherwise the first unit of each further stage. */
  readonly cut: 'auto' | readonly string[];
  readonly seed: number;
}
