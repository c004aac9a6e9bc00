import { Presets, SingleBar } from 'cli-progress';

/** Between two lines of progress where there is no terminal to draw a bar in. */
const lineIntervalMs = 5_000;

/** Shows on standard error how much is done: a bar in a terminal, a line now and then elsewhere. */
export class DeviceProgress {
  readonly #noun: string;
  #bar: SingleBar | undefined;
  #lastLineAt = Date.now();

  /** @param noun what is counted, as `case` */
  constructor(noun: string) {
    this.#noun = noun;
  }

  show(done: number, total: number, current: string): void {
    if (process.stderr.isTTY) {
      this.#bar ??= startBar(this.#noun, total);
      this.#bar.update(done, { current });
      return;
    }
    if (Date.now() - this.#lastLineAt < lineIntervalMs) return;
    this.#lastLineAt = Date.now();
    process.stderr.write(`${this.#noun} ${done}/${total}  ${current}\n`);
  }

  stop(): void {
    this.#bar?.stop();
  }
}

function startBar(noun: string, total: number): SingleBar {
  const format = `{bar} ${noun} {value}/{total}  {current}`;
  const bar = new SingleBar(
    { stream: process.stderr, format, barsize: 24, hideCursor: true, gracefulExit: false },
    Presets.shades_classic,
  );
  bar.start(total, 0, { current: '' });
  return bar;
}
