import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import type { TrainResult } from '../../server/cli/train-result';

const launcher = resolve('server/tandem.js');

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `tandem`. */
export interface Running {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** Resolves to the match once standard error has it; rejects when the command ends before. */
  sees(pattern: RegExp): Promise<RegExpExecArray>;
}

/**
 * A folder that is gone after the test, empty but for the built-in pictures: drawing those takes
 * longer than most tests, so all share the ones of this checkout.
 */
export async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-test-'));
  await mkdir(resolve('data'), { recursive: true });
  await symlink(resolve('data'), join(folder, 'data'), 'dir');
  onTestFinished(async () => {
    for (const path of [folder, homeOf(folder)]) await rm(path, { recursive: true, force: true });
  });
  return folder;
}

/** Where the commands of a test keep keys and paired devices: another test's are strangers. */
function homeOf(folder: string): string {
  return `${folder}.home`;
}

/** Starts `tandem` as a user does, in `folder`. */
export function startTandem(folder: string, ...args: readonly string[]): Running {
  const env = { ...process.env, TANDEM_HOME: homeOf(folder) };
  return watch(spawn(process.execPath, [launcher, ...args], { cwd: folder, env }));
}

/** Follows a command that runs; it is killed when the test is over. */
export function watch(child: ChildProcessWithoutNullStreams): Running {
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
    for (const watcher of watchers) watcher();
  });
  const ended = new Promise<Ended>((settle) => {
    child.on('close', (code) => settle({ code, stdout, stderr }));
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    process: child,
    ended,
    sees: (pattern) =>
      new Promise((found, missed) => {
        const look = (): void => {
          const match = pattern.exec(stderr);
          if (!match) return;
          watchers.delete(look);
          found(match);
        };
        watchers.add(look);
        look();
        void ended.then(() => missed(new Error(`ended without ${String(pattern)}:\n${stderr}`)));
      }),
  };
}

export function runTandem(folder: string, ...args: readonly string[]): Promise<Ended> {
  return startTandem(folder, ...args).ended;
}

/** The last line of standard output, parsed. */
export function lastJson({ stdout, stderr }: Ended): unknown {
  const line = stdout.trim().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`expected a line of JSON, got '${line}'; standard error:\n${stderr}`);
  }
}

/** The result of a `tandem train --json` that went well. */
export function trainResultOf(ended: Ended): TrainResult {
  if (ended.code !== 0) throw new Error(`exit code ${String(ended.code)}:\n${ended.stderr}`);
  return lastJson(ended) as TrainResult;
}
