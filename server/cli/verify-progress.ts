import { Presets, SingleBar } from 'cli-progress';

/** Between two lines of progress where there is no terminal to draw a bar in. */
const lineIntervalMs = 5_000;

/** Shows on standard error how many cases are done: a bar in a terminal, a line now and then elsewhere. */
export class VerifyProgress {
  #bar: SingleBar | undefined;
  #lastLineAt = Date.now();

  show(done: number, total: number, current: string): void {
    if (process.stderr.isTTY) {
      this.#bar ??= startBar(total);
      this.#bar.update(done, { current });
      return;
    }
    if (Date.now() - this.#lastLineAt < lineIntervalMs) return;
    this.#lastLineAt = Date.now();
    process.stderr.write(`case ${done}/${total}  ${current}\n`);
  }

  stop(): void {
    this.#bar?.stop();
  }
}

function startBar(total: number): SingleBar {
  const format = '{bar} case {value}/{total}  {current}';
  const bar = new SingleBar(
    { stream: process.stderr, format, barsize: 24, hideCursor: true, gracefulExit: false },
    Presets.shades_classic,
  );
  bar.start(total, 0, { current: '' });
  return bar;
}
