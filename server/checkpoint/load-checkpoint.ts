import { architectures, buildResNet, type ModelConfig } from '../../runtime/model/resnet';
import type { NamedTensors } from '../../runtime/tensor';
import type { SafetensorsFile } from '../../runtime/weights/safetensors';
import { readFloat32 } from '../../runtime/weights/stored-tensor';
import { formatKeys, isOptimizerState, optimizerPath, type Checkpoint } from './checkpoint';
import { systemCode } from '../files/file-error';
import { CheckpointError } from './error';
import { weightsOf } from './load-weights';
import { readSafetensors } from './read-file';

/**
 * A checkpoint as `saveCheckpoint` wrote it, the optimizer's state included.
 *
 * @param path of its first file
 * @throws CheckpointError when a file is missing or damaged, is no checkpoint of ours, or the two
 *   files are not of one step
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  const file = await readSafetensors(path);
  const metadata = Object.fromEntries(file.metadata);
  const step = Number(metadata['tandem.step']);
  const model = readModel(metadata['tandem.model']);
  if (metadata['tandem.format'] !== formatKeys['tandem.format'] || !model || !isCount(step)) {
    throw new CheckpointError(
      `${path}: expected a checkpoint of a Tandem run, got weights alone; start a new run from them (--weights)`,
    );
  }
  const { state, numBatchesTracked } = weightsOf(path, file, buildResNet(model));
  for (const [name, tensor] of await optimizerState(optimizerPath(path), step)) {
    state.set(name, tensor);
  }
  return { model, state, step, numBatchesTracked, metadata };
}

/** Empty when there is no such file: SGD without momentum has no state. */
async function optimizerState(path: string, step: number): Promise<NamedTensors> {
  let file: SafetensorsFile;
  try {
    file = await readSafetensors(path);
  } catch (error) {
    if (error instanceof Error && systemCode(error.cause) === 'ENOENT') return new Map();
    throw error;
  }
  const actual = file.metadata.get('tandem.step') ?? 'none';
  if (actual !== String(step)) {
    throw new CheckpointError(
      `${path}: expected the optimizer's state of step ${step}, got that of step ${actual}; the two files belong to different checkpoints: take them from one copy`,
    );
  }
  return new Map(
    [...file.tensors]
      .filter(([name]) => isOptimizerState(name))
      .map(([name, stored]) => [name, { shape: stored.shape, data: readFloat32(name, stored) }]),
  );
}

function readModel(text: string | undefined): ModelConfig | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { architecture, numClasses, stem } = value as Record<string, unknown>;
  const known = architectures.find((name) => name === architecture);
  if (!known || !isCount(numClasses) || (stem !== 'imagenet' && stem !== 'cifar')) return undefined;
  return { architecture: known, numClasses, stem };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
