import { existsSync } from 'node:fs';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainConfig } from './config';
import type { EvaluationRecord, StepRecord } from './trainer';

/** The folder already holds a run; nothing is overwritten. */
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
   * @throws RunFolderError when it holds a run already
   */
  static async create(path: string, config: TrainConfig, facts: object): Promise<RunFolder> {
    if (existsSync(join(path, 'run.json'))) {
      throw new RunFolderError(
        `${path} already holds a run; give --run another folder, or none for a new one in runs/`,
      );
    }
    const folder = new RunFolder(path);
    await mkdir(folder.checkpoints, { recursive: true });
    await writeFile(join(path, 'run.json'), `${JSON.stringify({ ...facts, config }, null, 2)}\n`);
    return folder;
  }

  get checkpoints(): string {
    return join(this.path, 'checkpoints');
  }

  /** Appends a line to `metrics.jsonl`; lines keep the order of the calls. */
  record(line: StepRecord | EvaluationRecord): void {
    const text = `${JSON.stringify(line)}\n`;
    const written = this.#writing.then(() => appendFile(join(this.path, 'metrics.jsonl'), text));
    // A failure is kept for `flush`.
    written.catch(() => undefined);
    this.#writing = written;
  }

  /** Resolves when all lines are on disk; throws the first error of writing them. */
  flush(): Promise<void> {
    return this.#writing;
  }
}

/** `runs/2026-11-21T10-30-00-resnet20` */
export function newRunPath(architecture: string, now: Date): string {
  const time = now.toISOString().slice(0, 19).replaceAll(':', '-');
  return join('runs', `${time}-${architecture}`);
}
