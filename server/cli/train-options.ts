import { Option, type Command } from 'commander';
import { precisions, type Precision } from '../../runtime/engine';
import { transportChoices, type TransportChoice } from '../../runtime/link/control';
import { architectures, type Architecture } from '../../runtime/model/resnet';
import { scheduleNames, type ScheduleName } from '../../runtime/schedule/schedule';
import { recomputeChoices, type RecomputeChoice } from '../coordinator/fit';
import { engineChoices, type EngineChoice } from '../engine/choose-engine';
import { cutList, numberBetween, portNumber, wholeNumber } from './options';
import { jsonOption } from './output';

/** What `tandem train` was asked for, as commander gives it. */
export interface TrainOptions {
  readonly data: string;
  readonly model: Architecture;
  readonly stem?: 'imagenet' | 'cifar';
  readonly imageSize?: number;
  readonly batch: number;
  readonly microBatch: number;
  readonly epochs?: number;
  readonly steps?: number;
  readonly optimizer: 'sgd' | 'adamw';
  readonly lr?: number;
  readonly lrSchedule: 'cosine' | 'constant';
  readonly warmupSteps?: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay?: number;
  readonly labelSmoothing: number;
  readonly schedule: 'auto' | ScheduleName;
  readonly recompute: RecomputeChoice;
  readonly precision: Precision;
  readonly cut: 'auto' | readonly string[];
  readonly weights?: string;
  readonly newHead: boolean;
  readonly run?: string;
  readonly resume: boolean;
  readonly seed: number;
  readonly engine: EngineChoice;
  readonly threads?: number;
  readonly waitFor: number;
  readonly headlessWorker?: number | true;
  readonly transport: TransportChoice;
  readonly listen?: string;
  readonly port?: number;
  readonly httpsPort?: number;
  readonly json: boolean;
}

export const defaultEpochs = 10;

/** Declares the options of `tandem train` on a command. */
export function addTrainOptions(command: Command): Command {
  const count = wholeNumber(1);
  const share = numberBetween(0, 1);
  const positive = numberBetween(0, Infinity);
  return command
    .option('--data <folder>', 'pictures in one folder a class, or "shapes"', 'shapes')
    .addOption(choice('--model <name>', 'the network', architectures, 'resnet34'))
    .addOption(
      new Option(
        '--stem <kind>',
        'first layers: 7x7 and pooling, or 3x3 for small pictures',
      ).choices(['imagenet', 'cifar']),
    )
    .option(
      '--image-size <pixels>',
      'side of the square pictures (default: 224; resnet20: 32)',
      count,
    )
    .option('--batch <pictures>', 'pictures in an optimizer step', count, 128)
    .option('--micro-batch <pictures>', 'pictures that move through the stages together', count, 16)
    .option('--epochs <count>', `passes over the pictures (default: ${defaultEpochs})`, count)
    .option('--steps <count>', 'optimizer steps, in place of --epochs', count)
    .addOption(choice('--optimizer <name>', 'the optimizer', ['sgd', 'adamw'], 'sgd'))
    .option(
      '--lr <rate>',
      'peak learning rate (default: 0.1 x batch / 256; adamw: 0.001)',
      positive,
    )
    .addOption(
      choice('--lr-schedule <name>', 'how the rate falls', ['cosine', 'constant'], 'cosine'),
    )
    .option(
      '--warmup-steps <count>',
      'steps of linear rise to the peak (default: 5%)',
      wholeNumber(0),
    )
    .option('--momentum <factor>', "SGD's momentum", share, 0.9)
    .option('--nesterov', "Nesterov's momentum", false)
    .option('--weight-decay <factor>', 'weight decay (default: 0.0001; adamw: 0.01)', positive)
    .option('--label-smoothing <share>', 'share of the label given to all classes', share, 0)
    .addOption(
      choice('--schedule <name>', 'order of the micro-batches', ['auto', ...scheduleNames], 'auto'),
    )
    .addOption(
      choice(
        '--recompute <when>',
        'on WebGPU, compute activations again in the backward instead of keeping them; auto: of as many units as it takes to fit',
        recomputeChoices,
        'auto',
      ),
    )
    .addOption(
      choice(
        '--precision <type>',
        'how WebGPU stores activations and their gradients; sums and weights are f32',
        precisions,
        'f32',
      ),
    )
    .option('--cut <units>', 'first unit of each further stage, "auto" or "none"', cutList, 'auto')
    .option('--weights <file>', 'start from a .safetensors file')
    .option('--new-head', 'with --weights: start with a fresh classifier', false)
    .option('--run <folder>', 'where the run is kept (default: a new one in runs/)')
    .option('--resume', 'go on with the run in --run, from its newest checkpoint', false)
    .option('--seed <number>', 'decides weights, order and augmentation', wholeNumber(0), 0)
    .addOption(choice('--engine <name>', 'what the computer computes on', engineChoices, 'cpu'))
    .option(
      '--threads <count>',
      "the computer's threads (default: all, but one for the network)",
      count,
    )
    .option('--wait-for <count>', 'start when this many workers have joined', wholeNumber(0), 0)
    .option('--headless-worker [count]', 'start local headless browsers as workers', count)
    .addOption(
      choice(
        '--transport <way>',
        'how tensors travel, where that works (no page has a stream); auto: what is fastest when a worker joins, each direction for itself',
        transportChoices,
        'auto',
      ),
    )
    .option(
      '--listen <address>',
      'who can reach the worker page: all, localhost, or an address of this computer (default: all; with --headless-worker: localhost)',
    )
    .option('--port <number>', 'port (default: 7070, or any free one; 0: any)', portNumber)
    .option(
      '--https-port <number>',
      'port for other devices (default: 7443, or any free one; 0: any)',
      portNumber,
    )
    .option(...jsonOption);
}

/** The names of the options that stood on the command line. */
export function givenOptions(command: Command): ReadonlySet<string> {
  const names = Object.keys(command.opts());
  return new Set(names.filter((name) => command.getOptionValueSource(name) === 'cli'));
}

function choice(flags: string, text: string, choices: readonly string[], value: string): Option {
  return new Option(flags, text).choices(choices).default(value);
}
