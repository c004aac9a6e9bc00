import { directions } from '../../runtime/bench/convolution-case';
import type { BenchmarkReport, ChosenTile, Convolutions } from '../../runtime/bench/report';
import {
  convolutionCells,
  figure,
  findingRows,
  percent,
  wrongCount,
} from '../../runtime/bench/words';
import type { Failed } from '../device-page/failed';
import { DeviceView, element, limitRows, setText } from '../device-page/view';
import type { BenchStatus } from './status';

const shareWords =
  'The figures are for this device’s owner, and for everybody who writes kernels for it. “Copy” takes all of them as text, to be sent back.';

/** The page's elements; nothing else ever changes them. */
export class BenchView extends DeviceView {
  #report: BenchmarkReport | undefined;

  constructor(onAgain: () => void) {
    super(onAgain);
    element('copy').addEventListener('click', () => void this.#copy());
    element('share').addEventListener('click', () => void this.#share());
  }

  show(status: Exclude<BenchStatus, Failed>): void {
    switch (status.state) {
      case 'ready':
        this.mood('running', 'busy');
        this.say(
          'Measuring this device',
          status.software
            ? 'WebGPU runs in software here: sizes are cut down, and the figures say nothing about a graphics processor.'
            : 'Keep this page in front: it takes about a minute, and the screen may freeze for a second or two near the end.',
        );
        this.showFacts('facts', [['Device', status.device], ...limitRows(status.limits)]);
        break;
      case 'running':
        this.showProgress(status.fraction);
        setText('current', `Now: ${status.what}`);
        document.title = `${percent(status.fraction)} – Tandem`;
        break;
      case 'report':
        this.#showReport(status.report);
        break;
      case 'asking':
        this.mood('asking', 'busy');
        this.say(
          'One question needs you',
          'Does this device lose its graphics processor when the page is in the background?',
          'Switch to another app or lock the screen, wait ten seconds, and come back here.',
        );
        setText('current', undefined);
        element('skip').hidden = false;
        break;
      case 'finished':
        element('skip').hidden = true;
        this.#finish();
        this.showKept(status.kept);
    }
  }

  /** A run that took the page along. */
  showUnfinished(report: BenchmarkReport): void {
    this.#showReport(report);
    this.mood('unfinished', 'problem');
    this.say(
      'The last run never came back',
      `Here is what it had found; ${report.at}. That is an answer, too.`,
      'Send it back with “Copy”, then run again if you like.',
    );
    this.end();
  }

  onSkip(skip: () => void): void {
    element('skip').addEventListener('click', skip);
  }

  #finish(): void {
    const wrong = this.#report ? wrongCount(this.#report) : 0;
    this.mood('finished', wrong === 0 ? 'done' : 'problem');
    if (wrong === 0) this.say('Measured', shareWords);
    else this.say(`${wrong} wrong results`, `Such a kernel is not timed. ${shareWords}`);
    setText('current', `${((this.#report?.ms ?? 0) / 1000).toFixed(1)} seconds`);
    this.end();
  }

  #showReport(report: BenchmarkReport): void {
    this.#report = report;
    const { convolutions, tiles } = report;
    this.showFacts('findings', findingRows(report));
    // What is not measured when the next part begins was left out.
    if (convolutions) showConvolutions(convolutions, tiles !== undefined);
    if (tiles) showTiles(tiles);
    element('copy').hidden = false;
    element('share').hidden = !('share' in navigator);
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#text());
      setText('copied', 'Copied.');
    } catch {
      // Refused: then it can at least be selected by hand.
      setText('copied', this.#text());
    }
  }

  async #share(): Promise<void> {
    try {
      await navigator.share({ title: 'Tandem benchmark', text: this.#text() });
    } catch {
      // Closed without sharing.
    }
  }

  #text(): string {
    return JSON.stringify(this.#report);
  }
}

function showConvolutions(convolutions: Convolutions, isOver: boolean): void {
  const { measured, size, batch, leftOut } = convolutions;
  const rest = isOver && leftOut > 0 ? `; ${leftOut} left out` : '';
  setText(
    'convolutions-of',
    `GFLOP/s and share of the multiply-adds; ResNet-34, ${batch} of ${size}x${size}${rest}`,
  );
  showTable('convolutions', new Set(measured.map(({ name }) => name)), (name) =>
    convolutionCells(convolutions, name).map((cell) => {
      if (!cell) return '–';
      if (!cell.right) return 'wrong';
      return `${figure(cell.gigaflops ?? NaN)} · ${percent(cell.peakShare ?? NaN)}`;
    }),
  );
}

function showTiles(tiles: readonly ChosenTile[]): void {
  showTable('tiles', new Set(tiles.map(({ convolution }) => convolution)), (name) =>
    directions.map((direction) => {
      const found = tiles.find((tile) => tile.convolution === name && tile.direction === direction);
      // `convolution-input-gradient-8x2`: the columns say the rest.
      return found?.chosen.replace(/^convolution-(input-gradient-|weight-gradient-)?/, '') ?? '–';
    }),
  );
}

/** A line for each name, its cells below it in the order of the directions. */
function showTable(
  id: string,
  names: ReadonlySet<string>,
  cellsOf: (name: string) => readonly string[],
): void {
  element(`${id}-section`).hidden = names.size === 0;
  element(id).replaceChildren(
    ...[...names].map((name) => {
      const row = document.createElement('div');
      row.className = 'directions';
      row.append(span(name, 'name'), ...cellsOf(name).map((text) => span(text)));
      return row;
    }),
  );
}

function span(text: string, className = ''): HTMLElement {
  const made = document.createElement('span');
  made.textContent = text;
  made.className = className;
  return made;
}
