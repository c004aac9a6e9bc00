import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { partialSuffix, writeAtomically } from '../files/atomic-file';
import { FileError, systemCode } from '../files/file-error';

/** A file of the user's data folder can't be read or written. */
export class HomeError extends Error {
  override readonly name = 'HomeError';
}

/** The text of a file, or undefined where there is none; throws HomeError. */
export async function readPrivate(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw failure(path, 'read', error);
  }
}

/** Writes a file that only this user can read (0600), whole or not at all; throws HomeError. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await write(path, text, false);
}

/** Writes it where there is none yet, and says whether it did; throws HomeError. */
export async function createPrivate(path: string, text: string): Promise<boolean> {
  return write(path, text, true);
}

async function write(path: string, text: string, keepsOld: boolean): Promise<boolean> {
  const partial = `${path}.${randomUUID()}${partialSuffix}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await writeAtomically(path, [Buffer.from(text)], { mode: 0o600, partial, keepsOld });
  } catch (error) {
    throw failure(path, 'written', error instanceof FileError ? error.cause : error);
  }
}

function failure(path: string, what: 'read' | 'written', error: unknown): HomeError {
  const reason = error instanceof Error ? error.message : String(error);
  return new HomeError(
    `${path} can't be ${what} (${reason}); make its folder yours, or name another in TANDEM_HOME`,
    { cause: error },
  );
}
