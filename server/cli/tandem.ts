import { inspect } from 'node:util';
import { Command, CommanderError, Option } from 'commander';
import { CutError } from '../../runtime/model/cut';
import { caseSets } from '../../runtime/verify/case-set';
import { expectTensors } from '../collector';
import { RunFolderError } from '../coordinator/run-folder';
import { engineChoices } from '../engine/choose-engine';
import { bench, type BenchOptions } from './bench';
import { certificate } from './certificate';
import { dataset } from './dataset';
import { devices } from './devices';
import { doctor } from './doctor';
import { addPageOptions } from './from-pages';
import { wholeNumber } from './options';
import { jsonOption, printJson, say } from './output';
import { train } from './train';
import { addTrainOptions, givenOptions, type TrainOptions } from './train-options';
import { TrainingFailedError } from './train-result';
import { UsageError } from './usage-error';
import { verify, type VerifyOptions } from './verify';
import { worker, type WorkerCommandOptions } from './worker';

/** 0 done, 1 failed, 2 wrong usage. */
const failed = 1;
const wrongUsage = 2;

expectTensors();

const program = new Command('tandem')
  .description('Trains ResNets on this computer and the phone plugged into it, as one pipeline.')
  .exitOverride()
  .showHelpAfterError('(tandem COMMAND --help lists the options)');

addTrainOptions(
  program
    .command('train')
    .description('train a network on a folder of pictures, one folder a class'),
).action((options: TrainOptions, command: Command) => train(options, givenOptions(command)));

program
  .command('worker')
  .description('compute a part of the run that another computer leads')
  .argument('<url>', 'what the host printed, such as http://localhost:7070/')
  .option(
    '--threads <count>',
    'threads to compute with (default: all cores, but one)',
    wholeNumber(1),
  )
  .addOption(
    new Option('--engine <name>', 'what to compute on').choices(engineChoices).default('cpu'),
  )
  .option(...jsonOption)
  .action((url: string, options: WorkerCommandOptions) => worker(url, options));

addPageOptions(
  program
    .command('verify')
    .description('check every kernel against float64 and PyTorch, here or on another device'),
)
  .addOption(
    new Option(
      '--cases <set>',
      'full: the shapes of 224x224 pictures; quick: of small ones (default: full; --headless-worker: quick)',
    ).choices(caseSets),
  )
  .action((options: VerifyOptions) => verify(options));

addPageOptions(
  program
    .command('bench')
    .description(
      'measure a graphics processor and what it lets a kernel do, here or on another device',
    ),
).action((options: BenchOptions) => bench(options));

certificate(program.command('certificate').description('what phones trust: show, remove'));
devices(program.command('devices').description('the paired devices: list, revoke'));
program
  .command('doctor')
  .description(
    "why can't my phone connect: interfaces, ports, certificate, clock, firewall, browser",
  )
  .option(...jsonOption)
  .action(doctor);

dataset(program.command('dataset').description('write the built-in data sets'));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCode(error);
}

function exitCode(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has printed its own sentence; help and version count as done.
    if (error.exitCode === 0) return 0;
    writeJsonError({ error: error.message.replace(/^error: /, ''), checkpoint: null });
    return wrongUsage;
  }
  const message = error instanceof Error ? error.message : String(error);
  const isTraining = error instanceof TrainingFailedError;
  writeJsonError(isTraining ? error.result : { error: message, checkpoint: null });
  say(`tandem: ${message}`);
  if (process.env['TANDEM_DEBUG']) say(inspect(error));
  const cause = isTraining ? error.cause : error;
  const isUsage = [UsageError, CutError, RunFolderError].some((kind) => cause instanceof kind);
  return isUsage ? wrongUsage : failed;
}

function writeJsonError(result: object): void {
  if (process.argv.includes('--json')) printJson(result);
}
