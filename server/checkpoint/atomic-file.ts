import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CheckpointError, systemCode } from './error';

/**
 * Writes a file so that at every moment, a power cut included, `path` is either as before or whole.
 *
 * @throws CheckpointError when it can't be written; what was there before stays
 */
export async function writeAtomically(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const file = await open(partial, 'w');
    try {
      // One part at a time: `writev` has a limit on their number.
      for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // The failure that counts is the one above.
    await rm(partial, { force: true }).catch(() => undefined);
    throw new CheckpointError(`${path}: ${reason(error, parts)}`, { cause: error });
  }
}

/** Puts the new name itself on the disk; Windows can't open folders and does so by itself. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function reason(error: unknown, parts: readonly Uint8Array[]): string {
  const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const size = bytes < 1e5 ? `${bytes} bytes` : `${(bytes / 1e6).toFixed(1)} MB`;
  const kept = 'checkpoints written before are as they were';
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk is full: expected room for ${size}; free some space or give another folder; ${kept}`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `this folder can't be written to; give another folder or permission; ${kept}`;
    case 'ENOTDIR':
    case 'ENOENT':
      return `there is no such folder; make it or give another; ${kept}`;
    default:
      return `can't be written (${error instanceof Error ? error.message : String(error)}); ${kept}`;
  }
}
