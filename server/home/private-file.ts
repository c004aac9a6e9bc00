import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../files/file-error';

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
  await viaPartial(path, text, (partial) => rename(partial, path));
}

/** Writes it where there is none yet, and says whether it did; throws HomeError. */
export async function createPrivate(path: string, text: string): Promise<boolean> {
  return viaPartial(path, text, async (partial) => {
    try {
      // Unlike a rename, a link leaves alone what another process made in the meantime.
      await link(partial, path);
      return true;
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    }
  });
}

async function viaPartial<Result>(
  path: string,
  text: string,
  finish: (partial: string) => Promise<Result>,
): Promise<Result> {
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(partial, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    return await finish(partial);
  } catch (error) {
    throw failure(path, 'written', error);
  } finally {
    await rm(partial, { force: true });
  }
}

function failure(path: string, what: 'read' | 'written', error: unknown): HomeError {
  const reason = error instanceof Error ? error.message : String(error);
  return new HomeError(
    `${path} can't be ${what} (${reason}); make its folder yours, or name another in TANDEM_HOME`,
    { cause: error },
  );
}
