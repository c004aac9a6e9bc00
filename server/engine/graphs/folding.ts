import type { BatchNorm, Convolution, Operation } from '../../../runtime/model/graph';
import { readersOf } from './stage-graph';

/** A convolution whose output only one batch norm reads: with running statistics they are one. */
export interface FoldedConvolution {
  readonly convolution: Convolution;
  readonly batchNorm: BatchNorm;
}

/** By the value that the batch norm would write. */
export function foldedConvolutions(
  operations: readonly Operation[],
): Map<string, FoldedConvolution> {
  const folded = new Map<string, FoldedConvolution>();
  for (const convolution of operations) {
    if (convolution.kind !== 'convolution') continue;
    const [reader, ...others] = readersOf({ operations }, convolution.output);
    if (reader?.kind !== 'batchNorm' || others.length > 0) continue;
    folded.set(reader.output, { convolution, batchNorm: reader });
  }
  return folded;
}

/** Names of a folded convolution's weights, before any reordering, and of its bias. */
export const foldedWeightName = (weight: string): string => `folded:${weight}`;
export const foldedBiasName = (weight: string): string => `folded bias:${weight}`;
