import type { Command } from 'commander';
import { defaultShapes } from '../data/shapes/stamp';
import { writeShapes } from '../data/shapes/write';
import { wholeNumber } from './options';
import { jsonOption, printJson, say } from './output';

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
    .option(...jsonOption)
    .action(async (dir: string, { json, ...parameters }: ShapesOptions) => {
      const { path, count, reused } = await writeShapes(dir, {
        ...parameters,
        onProgress: showProgress,
      });
      say(
        reused
          ? `${path} holds these ${count} pictures already.`
          : `${count} pictures of ${parameters.size}x${parameters.size} in ${path}`,
      );
      if (json) printJson({ path, count, reused, ...parameters });
    });
}

function showProgress(done: number, total: number): void {
  if (!process.stderr.isTTY || (done % 100 !== 0 && done !== total)) return;
  process.stderr.write(`\r${done} of ${total}${done === total ? '\n' : ''}`);
}
