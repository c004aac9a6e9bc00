import { appendFile, mkdir, open, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { partialSuffix, writeAtomically } from '../files/atomic-file';
import { FileError, systemCode, writeFailure } from '../files/file-error';
import type { TrainConfig } from './config';
import type { EvaluationRecord, Records, StepRecord } from './records';
import type { RunFacts } from './saved-run';

/** The folder holds something already, and nothing is overwritten; or it can't be made. */
export class RunFolderError extends Error {
  override readonly name = 'RunFolderError';
}

/** A run on disk: `run.json`, `metrics.jsonl`, `checkpoints/`. */
export class RunFolder {
  readonly path: string;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Makes the folder and writes `run.json`.
   * @throws RunFolderError when there is something in it, or it can't be written
   */
  static async create(path: string, config: TrainConfig, facts: RunFacts): Promise<RunFolder> {
    const folder = new RunFolder(path);
    try {
      await mkdir(path, { recursive: true });
      const found = await readdir(path);
      if (found.length > 0) throw occupied(path, found.includes('run.json'));
      const text = `${JSON.stringify({ ...facts, config }, null, 2)}\n`;
      // Of two runs that start at once only one can make the file.
      await writeFile(join(path, 'run.json'), text, { flag: 'wx' });
      await mkdir(folder.checkpoints);
    } catch (error) {
      if (error instanceof RunFolderError) throw error;
      if (systemCode(error) === 'EEXIST' && (await isFolder(path))) throw occupied(path, true);
      throw unusable(path, error);
    }
    return folder;
  }

  /**
   * Opens a run's folder to go on in it, with `metrics.jsonl` as far as these records, and without
   * the checkpoint that a killed process left half written.
   * @throws FileError when that can't be written
   */
  static async reopen(path: string, { steps, evaluations }: Records): Promise<RunFolder> {
    const lines = [...steps, ...evaluations].sort((a, b) => a.step - b.step);
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const folder = new RunFolder(path);
    await writeAtomically(folder.#metrics, [Buffer.from(text)]);
    for (const name of await readdir(folder.checkpoints)) {
      if (name.endsWith(partialSuffix)) await rm(join(folder.checkpoints, name), { force: true });
    }
    return folder;
  }

  get checkpoints(): string {
    return join(this.path, 'checkpoints');
  }

  /** Appends a line to `metrics.jsonl`; lines keep the order of the calls. */
  record(line: StepRecord | EvaluationRecord): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#write(text.length, () => appendFile(this.#metrics, text));
  }

  /**
   * Resolves when all lines are on disk, safe from a power cut.
   * @throws FileError, once, when one can't be written; those after it are left out
   */
  flush(): Promise<void> {
    this.#write(0, () => syncFile(this.#metrics));
    const writing = this.#writing;
    this.#writing = Promise.resolve();
    return writing;
  }

  #write(numBytes: number, write: () => Promise<void>): void {
    this.#writing = this.#writing.then(write).catch((error: unknown) => {
      throw error instanceof FileError ? error : writeFailure(this.#metrics, numBytes, error);
    });
    // A failure is kept for `flush`.
    this.#writing.catch(() => undefined);
  }

  get #metrics(): string {
    return join(this.path, 'metrics.jsonl');
  }

  /**
   * Takes the folder away again where nothing but `run.json` came: the run never began.
   * @returns whether it is gone
   */
  async removeUnused(): Promise<boolean> {
    try {
      await this.#writing;
      if ((await readdir(this.path)).some((name) => !['run.json', 'checkpoints'].includes(name))) {
        return false;
      }
      // Fails while there is a checkpoint in it, and so keeps the run.
      await rmdir(this.checkpoints);
      await rm(join(this.path, 'run.json'));
      await rmdir(this.path);
      return true;
    } catch {
      // Something else was put there, or the disk is gone: what is left does no harm.
      return false;
    }
  }
}

/**
 * Makes a fresh folder `runs/2026-11-21T10-30-00-resnet20`, with a number behind it where that is taken.
 * @throws RunFolderError when it can't be made
 */
export async function newRunPath(
  architecture: string,
  now: Date,
  parent = 'runs',
): Promise<string> {
  const time = now.toISOString().slice(0, 19).replaceAll(':', '-');
  const first = join(parent, `${time}-${architecture}`);
  try {
    await mkdir(parent, { recursive: true });
    for (let path = first, number = 2; ; path = `${first}-${number++}`) {
      if (await isNew(path)) return path;
    }
  } catch (error) {
    throw unusable(first, error);
  }
}

async function isNew(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function occupied(path: string, isRun: boolean): RunFolderError {
  const what = isRun ? 'already holds a run' : 'is not empty';
  return new RunFolderError(
    `${path} ${what}; give --run another folder, or none for a new one in runs/`,
  );
}

function unusable(path: string, error: unknown): RunFolderError {
  const why = error instanceof Error ? error.message : String(error);
  return new RunFolderError(
    `cannot keep the run in ${path} (${why}); give --run a folder that can be written`,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    () => false,
  );
}
