import { readFile } from 'node:fs/promises';
import {
  decodeSafetensors,
  SafetensorsError,
  type SafetensorsFile,
} from '../../runtime/weights/safetensors';
import { systemCode } from '../files/file-error';
import { CheckpointError } from './error';

/** What a safetensors file holds; throws CheckpointError naming the file, what is wrong, and the remedy. */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  let bytes: Uint8Array;
  try {
    const { buffer, byteOffset, byteLength } = await readFile(path);
    bytes = new Uint8Array(buffer, byteOffset, byteLength);
  } catch (error) {
    throw new CheckpointError(`${path}: ${reason(error)}`, { cause: error });
  }
  try {
    return decodeSafetensors(bytes);
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    throw new CheckpointError(`${path}: ${error.message}`, { cause: error });
  }
}

function reason(error: unknown): string {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file; check the path';
    case 'EISDIR':
      return 'expected a .safetensors file, got a folder; give the file in it';
    case 'EACCES':
    case 'EPERM':
      return "the file can't be read; give permission to read it";
    default:
      return `can't be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
