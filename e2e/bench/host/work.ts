import { splitAt } from '../../../runtime/model/cut';
import type { Unit } from '../../../runtime/model/graph';
import { buildResNet } from '../../../runtime/model/resnet';

/** What both sides compute: ResNet-34, or its front stage, on a file of pictures. */
export interface Work {
  /** The unit before which the front stage ends; null for the whole network with its loss. */
  readonly end: string | null;
  readonly samples: number;
  readonly imageSize: number;
  /** The file of the pictures, (samples, 3, imageSize, imageSize) in float32. */
  readonly pictures: string;
  /** Whether PyTorch computes in float64, to be compared with. */
  readonly exact: boolean;
}

/** The file and shape of each parameter and buffer. */
export type StateFiles = Readonly<Record<string, readonly [string, readonly number[]]>>;

/**
 * One message a line, one JSON reply a line. `load`: {ms} of what the engine took, files aside; `train`: {ms, cpuMs, updateMs} of a step of one
 * micro-batch; `infer`: {ms, cpuMs}; `results`: {files} of the gradients of the last step and of the
 * output with running statistics; `peak`: {mb} resident at most until now.
 */
export type Message =
  | { readonly kind: 'load'; readonly work: Work; readonly state: StateFiles }
  | { readonly kind: 'train' | 'infer' | 'peak' }
  | { readonly kind: 'results'; readonly folder: string };

/** Time on the clock, and that of the processor in all threads of the contestant. */
export interface Taken {
  readonly ms: number;
  readonly cpuMs: number;
}

export interface Replies {
  readonly load: { readonly ms: number };
  readonly train: Taken & { readonly updateMs: number };
  readonly infer: Taken;
  readonly results: { readonly files: Readonly<Record<string, string>> };
  readonly peak: { readonly mb: number };
}

/** The front stage's units, or all. */
export function unitsOf({ end }: Pick<Work, 'end'>): readonly Unit[] {
  const model = buildResNet({ architecture: 'resnet34', numClasses: 1000, stem: 'imagenet' });
  return (end === null ? model.units : splitAt(model, [end])[0]) ?? [];
}
