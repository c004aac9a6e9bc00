import type { BatchNorm } from '../../../runtime/model/graph';
import type { StageGraph } from './stage-graph';

/** A batch norm with what follows it and can be done in the same pass: relu(batchNorm + other). */
export interface Normalisation {
  readonly batchNorm: BatchNorm;
  /** The value that is added. */
  readonly other?: string;
  readonly relu: boolean;
}

/** How the value is written, where that is by such a pass. */
export function normalisationOf(stage: StageGraph, name: string): Normalisation | undefined {
  const producer = stage.producers.get(name);
  if (producer?.kind !== 'relu') return sumOf(stage, name);
  const sum = sumOf(stage, producer.input);
  return sum && { ...sum, relu: true };
}

function sumOf({ producers }: StageGraph, name: string): Normalisation | undefined {
  const producer = producers.get(name);
  if (producer?.kind === 'batchNorm') return { batchNorm: producer, relu: false };
  if (producer?.kind !== 'add') return undefined;
  const { input, other } = producer;
  const [first, second] = [producers.get(input), producers.get(other)];
  if (first?.kind === 'batchNorm') return { batchNorm: first, other, relu: false };
  if (second?.kind === 'batchNorm') return { batchNorm: second, other: input, relu: false };
  return undefined;
}
