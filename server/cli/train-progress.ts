import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { describeMemory, megabytes } from '../../runtime/webgpu/memory-use';
import type { TrainConfig } from '../coordinator/config';
import type { EvaluationRecord, StageRecord, StepRecord } from '../coordinator/records';

/** Between two lines of progress where there is no terminal to draw a bar in. */
const lineIntervalMs = 5_000;
/** Weight of the newest step in the running means shown. */
const smoothing = 0.1;

/** Shows a run on standard error: a bar in a terminal, a line now and then elsewhere. */
export class TrainProgress {
  readonly #config: TrainConfig;
  /** The library's way to write lines above a bar is a group of bars, here of one. */
  readonly #bars: MultiBar | undefined;
  readonly #bar: SingleBar | undefined;
  #shown: { loss: number; accuracy: number; ms: number } | undefined;
  #lastLineAt = 0;

  constructor(config: TrainConfig, startStep: number) {
    this.#config = config;
    if (!process.stderr.isTTY) return;
    this.#bars = new MultiBar(
      {
        stream: process.stderr,
        format: '{bar} step {value}/{total}  {facts}',
        barsize: 24,
        hideCursor: true,
        stopOnComplete: false,
        gracefulExit: false,
      },
      Presets.shades_classic,
    );
    this.#bar = this.#bars.create(config.steps, startStep, { facts: '' });
  }

  notice(text: string): void {
    this.#line(text);
  }

  plan(stages: readonly StageRecord[]): void {
    for (const [index, stage] of stages.entries()) this.#line(`  ${stageLine(stage, index)}`);
  }

  step(record: StepRecord): void {
    const { step, loss, accuracy, ms } = record;
    const mean = (old: number, now: number): number => old + smoothing * (now - old);
    const shown = this.#shown;
    this.#shown = shown
      ? {
          loss: mean(shown.loss, loss),
          accuracy: mean(shown.accuracy, accuracy),
          ms: mean(shown.ms, ms),
        }
      : { loss, accuracy, ms };
    this.#bar?.update(step, { facts: this.#facts(record) });
    const isDue = Date.now() - this.#lastLineAt >= lineIntervalMs;
    if (this.#bar || (!isDue && step < this.#config.steps)) return;
    this.#line(`step ${step}/${this.#config.steps}  ${this.#facts(record)}`);
  }

  evaluation({ epoch, accuracy, loss, count }: EvaluationRecord): void {
    const percent = (100 * accuracy).toFixed(1);
    const epochs = this.#config.epochs === null ? '' : `/${this.#config.epochs}`;
    this.#line(
      `epoch ${epoch}${epochs}: validation accuracy ${percent}%, loss ${loss.toFixed(4)} (${count} pictures)`,
    );
  }

  stop(): void {
    this.#bars?.stop();
  }

  #facts({ step }: StepRecord): string {
    const { loss = 0, accuracy = 0, ms = 0 } = this.#shown ?? {};
    const left = duration(((this.#config.steps - step) * ms) / 1000);
    const imagesPerSecond = (1000 * this.#config.batchSize) / ms;
    return [
      `loss ${loss.toFixed(4)}`,
      `accuracy ${(100 * accuracy).toFixed(1)}%`,
      `${imagesPerSecond.toFixed(imagesPerSecond < 10 ? 1 : 0)} images/s`,
      `${ms.toFixed(0)} ms a batch`,
      `${left} left`,
    ].join('  ');
  }

  #line(text: string): void {
    this.#lastLineAt = Date.now();
    if (this.#bars) this.#bars.log(`${text}\n`);
    else process.stderr.write(`${text}\n`);
  }
}

/** `stage 2: layer3.0 to head on a phone (webgpu, 376 MB: weights 69, gradients 69, …)` */
function stageLine(stage: StageRecord, index: number): string {
  const { device, units, engine, memoryBytes, memory, recompute, precision } = stage;
  const [first, last] = units;
  const range = first === last ? first : `${first} to ${last}`;
  const parts = memory ? `: ${describeMemory(memory)}` : '';
  const stored = precision === 'f32' ? '' : ` in ${precision}`;
  const again = `; activations of ${recompute.join(', ')} computed again in the backward`;
  const how = recompute.length > 0 ? again : '';
  return `stage ${index + 1}: ${range} on ${device} (${engine}${stored}, ${megabytes(memoryBytes)} MB${parts}${how})`;
}

/** `42 s`, `3 min 05 s`, `2 h 10 min` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
