import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildResNet } from '../../runtime/model/resnet';
import { encodeParts, type SafetensorsFile } from '../../runtime/weights/safetensors';
import { stateDict } from '../../runtime/weights/state-dict';
import { storeFloat32 } from '../../runtime/weights/stored-tensor';
import { writeAtomically } from '../files/atomic-file';
import { FileError } from '../files/file-error';
import {
  checkpointName,
  formatKeys,
  isOptimizerState,
  optimizerPath,
  type Checkpoint,
} from './checkpoint';
import { CheckpointError } from './error';

/**
 * Writes a checkpoint into `folder`, making it where needed, and returns the path of its first
 * file. That one is written last: a checkpoint that is there is whole.
 *
 * @throws CheckpointError when it can't be written (the disk is full, …); ones before it stay
 * @throws ShapeError when the state is not the model's
 */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<string> {
  const { model, state, step, numBatchesTracked } = checkpoint;
  const metadata = new Map(
    Object.entries({
      ...checkpoint.metadata,
      ...formatKeys,
      'tandem.model': JSON.stringify(model),
      'tandem.step': String(step),
    }),
  );
  const weights = stateDict(buildResNet(model), state, numBatchesTracked);
  const optimizer = new Map(
    [...state]
      .filter(([name]) => isOptimizerState(name))
      .map(([name, tensor]) => [name, storeFloat32(tensor)]),
  );
  // Where this fails, so does the write, which says why.
  await mkdir(folder, { recursive: true }).catch(() => undefined);
  const path = join(folder, checkpointName(step));
  if (optimizer.size > 0) await write(optimizerPath(path), { metadata, tensors: optimizer });
  await write(path, { metadata, tensors: weights });
  return path;
}

async function write(path: string, file: SafetensorsFile): Promise<void> {
  try {
    await writeAtomically(path, encodeParts(file));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const kept = 'checkpoints written before are as they were';
    throw new CheckpointError(`${error.message}; ${kept}`, { cause: error });
  }
}
