import type { Model } from '../../runtime/model/graph';
import {
  importWeights,
  WeightsError,
  type ImportedWeights,
  type ImportOptions,
} from '../../runtime/weights/import-weights';
import type { SafetensorsFile } from '../../runtime/weights/safetensors';
import { CheckpointError } from './error';
import { readSafetensors } from './read-file';

/**
 * Weights for `model` from a safetensors file with torchvision's or Hugging Face's names.
 *
 * @throws CheckpointError when the file is missing, damaged, or another network's
 */
export async function loadWeights(
  path: string,
  model: Model,
  options: ImportOptions = {},
): Promise<ImportedWeights> {
  return weightsOf(path, await readSafetensors(path), model, options);
}

/** As `loadWeights`, of a file that was read. */
export function weightsOf(
  path: string,
  { tensors }: SafetensorsFile,
  model: Model,
  options: ImportOptions = {},
): ImportedWeights {
  try {
    return importWeights(tensors, model, options);
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    throw new CheckpointError(`${path}: ${error.message}`, { cause: error });
  }
}
