import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode, writeFailure } from './file-error';

/** What a file is called until it is whole; a process that is killed leaves it behind. */
export const partialSuffix = '.partial';

export interface AtomicOptions {
  /** Its permissions. */
  readonly mode?: number;
  /** Its name until it is whole; one of its own where several processes may write the file. */
  readonly partial?: string;
  /** Leaves alone what is there, also what another process makes in the meantime. */
  readonly keepsOld?: boolean;
}

/**
 * Writes a file so that at every moment, a power cut included, `path` is either as before or whole.
 *
 * @returns whether it is the file now: false where another one was kept
 * @throws FileError when it can't be written; what was there before stays
 */
export async function writeAtomically(
  path: string,
  parts: readonly Uint8Array[],
  { mode = 0o666, partial = `${path}${partialSuffix}`, keepsOld = false }: AtomicOptions = {},
): Promise<boolean> {
  try {
    const file = await open(partial, 'w', mode);
    try {
      // One part at a time: `writev` has a limit on their number.
      for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    if (keepsOld && !(await takesFreeName(partial, path))) return false;
    if (!keepsOld) await rename(partial, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    // The failure that counts is the one above.
    await rm(partial, { force: true }).catch(() => undefined);
    const numBytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    throw writeFailure(path, numBytes, error);
  }
}

/** Unlike a rename, a link leaves alone what is there. */
async function takesFreeName(partial: string, path: string): Promise<boolean> {
  try {
    await link(partial, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(partial, { force: true });
  }
}

/**
 * Puts the new name itself on the disk. Windows can't open folders and does so by itself; some
 * network disks can't sync one, and the file is there all the same.
 */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(systemCode(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}
