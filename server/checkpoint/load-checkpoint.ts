import * as v from 'valibot';
import { modelSchema } from '../../runtime/config-schemas';
import { buildResNet } from '../../runtime/model/resnet';
import type { NamedTensors } from '../../runtime/tensor';
import type { SafetensorsFile } from '../../runtime/weights/safetensors';
import { DtypeError, readFloat32, type StoredTensor } from '../../runtime/weights/stored-tensor';
import { formatKeys, isOptimizerState, optimizerPath, type Checkpoint } from './checkpoint';
import { systemCode } from '../files/file-error';
import { CheckpointError } from './error';
import { weightsOf } from './load-weights';
import { readSafetensors } from './read-file';

const ownMetadata = v.object({
  'tandem.format': v.literal(formatKeys['tandem.format']),
  'tandem.model': v.pipe(v.string(), v.parseJson(), modelSchema),
  'tandem.step': v.pipe(v.string(), v.digits(), v.toNumber()),
});

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
  const own = v.safeParse(ownMetadata, metadata);
  if (!own.success) {
    throw new CheckpointError(
      `${path}: expected a checkpoint of a Tandem run, got weights alone; start a new run from them (--weights)`,
    );
  }
  const { 'tandem.model': model, 'tandem.step': step } = own.output;
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
      .map(([name, stored]) => [
        name,
        { shape: stored.shape, data: readState(path, name, stored) },
      ]),
  );
}

function readState(path: string, name: string, stored: StoredTensor): Float32Array {
  try {
    return readFloat32(name, stored);
  } catch (error) {
    if (!(error instanceof DtypeError)) throw error;
    throw new CheckpointError(`${path}: ${error.message}`, { cause: error });
  }
}
