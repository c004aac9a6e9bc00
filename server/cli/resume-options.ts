import type { TrainConfig } from '../coordinator/config';
import type { RunFacts } from '../coordinator/saved-run';
import type { TrainOptions } from './train-options';
import { UsageError } from './usage-error';

/** Options that fix a run: one that is gone on with has them from its `run.json`. */
const fixing: ReadonlySet<keyof TrainOptions> = new Set([
  'model',
  'stem',
  'imageSize',
  'batch',
  'microBatch',
  'epochs',
  'steps',
  'optimizer',
  'lr',
  'lrSchedule',
  'warmupSteps',
  'momentum',
  'nesterov',
  'weightDecay',
  'labelSmoothing',
  'weights',
  'newHead',
  'seed',
] as const);

/**
 * The options of a run that is gone on with: where it is computed is as asked for now, what is
 * computed as it was.
 * @param given the options that stood on the command line
 * @throws UsageError for one that would make another run of it
 */
export function resumedOptions(
  options: TrainOptions,
  given: ReadonlySet<string>,
  config: TrainConfig,
  facts: RunFacts,
): TrainOptions {
  const refused = [...fixing].filter((name) => given.has(name)).map(flagOf);
  if (refused.length > 0) {
    throw new UsageError(
      `--resume goes on with what ${options.run ?? 'the run'} was started with: leave out ${refused.join(', ')}`,
    );
  }
  return {
    ...options,
    data: given.has('data') ? options.data : facts.data,
    model: config.model.architecture,
    stem: config.model.stem,
    imageSize: config.imageSize,
    batch: config.batchSize,
    microBatch: config.microBatchSize,
    seed: config.seed,
    schedule:
      given.has('schedule') && options.schedule !== 'auto' ? options.schedule : config.schedule,
    recompute: given.has('recompute') ? options.recompute : config.recompute,
    precision: given.has('precision') ? options.precision : config.precision,
    cut: given.has('cut') ? options.cut : config.cut,
  };
}

/** `microBatch` as `--micro-batch` */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
