import type { OptimizerConfig, OptimizerStep } from '../engine';
import type { Dispatch } from './kernel';
import type { Region } from './memory';

/** The memory that an optimizer moves: four arrays of one length, element beside element. */
export interface OptimizerMemory {
  readonly parameters: Region;
  /** Summed over the step's micro-batches; zero after the optimizer. */
  readonly gradients: Region;
  /** In the order of `optimizerSlots`. */
  readonly slots: readonly Region[];
  /** What the gradients are taken times. */
  readonly gradientScale: number;
  /** What `encodeStep` made, bound as uniform. */
  readonly step: Region;
}

export interface OptimizerModule<Config extends OptimizerConfig> {
  dispatches(config: Config, memory: OptimizerMemory): readonly Dispatch[];
  /** The uniform that changes with each step; at most 256 bytes. */
  encodeStep(config: Config, step: OptimizerStep): ArrayBuffer;
}
