import type { Command } from 'commander';
import { defaultShapes } from '../data/shapes/stamp';
import { writeShapes } from '../data/shapes/write';
import { wholeNumber } from './options';

interface ShapesOptions {
  readonly size: number;
  readonly perClass: number;
  readonly seed: number;
  readonly json: boolean;
}

/** Adds `shapes DIR` to a command. */
export function dataset(command: Command): void {
  command
    .command('shapes')
    .description('draw ten classes of shapes as JPEG files, one folder a class')
    .argument('<dir>', 'a new folder')
    .option('--size <pixels>', 'side of the square pictures', wholeNumber(16), defaultShapes.size)
    .option('--per-class <count>', 'pictures of each shape', wholeNumber(1), defaultShapes.perClass)
    .option('--seed <number>', 'decides what is drawn', wholeNumber(0), defaultShapes.seed)
    .option('--json', 'end with the result as one line of JSON on standard output', false)
    .action(async (dir: string, { json, ...parameters }: ShapesOptions) => {
      const { path, count, reused } = await writeShapes(dir, {
        ...parameters,
        onProgress: showProgress,
      });
      process.stderr.write(
        reused
          ? `${path} holds these ${count} pictures already.\n`
          : `${count} pictures of ${parameters.size}x${parameters.size} in ${path}\n`,
      );
      if (json) process.stdout.write(`${JSON.stringify({ path, count, reused, ...parameters })}\n`);
    });
}

function showProgress(done: number, total: number): void {
  if (!process.stderr.isTTY || (done % 100 !== 0 && done !== total)) return;
  process.stderr.write(`\r${done} of ${total}${done === total ? '\n' : ''}`);
}
