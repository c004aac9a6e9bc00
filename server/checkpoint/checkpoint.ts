import type { ModelConfig } from '../../runtime/model/resnet';
import type { NamedTensors } from '../../runtime/tensor';

/*
 * A checkpoint is two files. The first holds exactly what torchvision's `state_dict()` holds, so
 * that `load_state_dict(load_file(path), strict=True)` takes it; the optimizer's state, which that
 * would refuse, lies beside it.
 *
 *     step-000120.safetensors             parameters, running statistics, num_batches_tracked
 *     step-000120.optimizer.safetensors   momentum and averages, by the engine's names
 */

/** A run's state after `step` optimizer steps. */
export interface Checkpoint {
  readonly model: ModelConfig;
  /** Parameters and running statistics, and the optimizer's state where it has any. */
  readonly state: NamedTensors;
  readonly step: number;
  /** Training forward passes (micro-batches) that the running statistics have seen. */
  readonly numBatchesTracked: number;
  /** Stands in the file's `__metadata__` beside our own keys. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Keys of `__metadata__`; `format` is what Hugging Face's loader asks for. */
export const formatKeys = { format: 'pt', 'tandem.format': '1' } as const;

/** `step-000120.safetensors` */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, '0')}.safetensors`;
}

/** The file of the optimizer's state, beside the checkpoint's. */
export function optimizerPath(checkpointPath: string): string {
  return checkpointPath.replace(/(\.safetensors)?$/, '.optimizer.safetensors');
}

/** Whether a tensor of an engine's state belongs to the optimizer. */
export function isOptimizerState(name: string): boolean {
  return name.startsWith('optimizer.');
}
