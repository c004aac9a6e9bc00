import { failures } from '../worker/failure';
import { OperationTable } from './operation-table';
import type { Kept, VerifyStatus } from './status';

type Ready = Extract<VerifyStatus, { state: 'ready' }>;

const setWords = {
  quick: 'every operation at its own channels, kernel and stride, on small pictures',
  full: 'every operation at the shapes of 224x224 pictures',
} as const;

/** The page's elements; {@link VerifyView.show} is all that ever changes them. */
export class VerifyView {
  readonly #table = new OperationTable(element('operations'));
  readonly #progress = element('progress');
  #ready: Ready | undefined;
  #done = 0;

  /** @param onAgain called when the person wants another run */
  constructor(onAgain: () => void) {
    element('again').addEventListener('click', onAgain);
  }

  show(status: VerifyStatus): void {
    switch (status.state) {
      case 'ready':
        this.#ready = status;
        this.#mood('running', 'busy');
        element('heads').hidden = false;
        this.#say(
          'Checking the kernels',
          `This device computes ${setWords[status.set]}, forward and backward, and compares each with float64 and with PyTorch.`,
        );
        this.#facts(status);
        break;
      case 'running':
        setText('current', `${this.#counted()}: ${status.op}, ${status.shape}`);
        break;
      case 'result':
        this.#done++;
        this.#table.add(status.result);
        this.#progress.setAttribute('value', String(this.#done / (this.#ready?.total ?? 1)));
        document.title = `${this.#counted()} – Tandem`;
        break;
      case 'finished':
        this.#finish(status.ms, status.kept);
        break;
      case 'failed': {
        const { headline, sentence, remedy } = failures[status.reason];
        this.#mood('failed', 'problem');
        document.body.dataset['reason'] = status.reason;
        this.#say(headline, sentence, remedy);
        setText('detail', status.detail || undefined);
        this.#end();
      }
    }
  }

  /** Asks for the tap without which Safari lets the screen go dark. */
  showScreen(needsTap: boolean): void {
    setText('kept', needsTap ? 'Tap here once to keep the screen on until the end.' : undefined);
  }

  #finish(ms: number, kept: Kept): void {
    const { failed } = this.#table;
    const bound = 'the bound of 1e-5';
    this.#mood('finished', failed === 0 ? 'done' : 'problem');
    if (failed === 0) {
      this.#say('Every kernel is right', `All ${this.#done} cases stay below ${bound}.`);
    } else {
      const cases = failed === 1 ? '1 case fails' : `${failed} cases fail`;
      this.#say(cases, `Of ${this.#done} cases ${failed} miss ${bound}; they stand open below.`);
    }
    setText('current', `${(ms / 1000).toFixed(1)} seconds`);
    setText(
      'kept',
      'path' in kept
        ? `The computer keeps this result as ${kept.path}.`
        : `The computer did not take this result: ${kept.error}`,
    );
    this.#end();
  }

  #end(): void {
    element('again').hidden = false;
    this.#progress.hidden = true;
    document.title = `${element('headline').textContent} – Tandem`;
  }

  #counted(): string {
    return `${this.#done} of ${this.#ready?.total ?? 0}`;
  }

  #mood(state: string, mood: string): void {
    // Tests and style sheets read the state here.
    document.body.dataset['state'] = state;
    document.body.dataset['mood'] = mood;
  }

  #say(headline: string, sentence: string, remedy?: string): void {
    setText('headline', headline);
    setText('sentence', sentence);
    setText('remedy', remedy);
  }

  #facts({ device, limits, total }: Ready): void {
    const rows: [string, string][] = [
      ['Device', device],
      ['Cases', String(total)],
      ['Bound', 'errors below 1e-5 at unit scale'],
      ...Object.entries(limits).map(([name, value]): [string, string] => [
        limitWords(name),
        value >= 2 ** 20 ? `${value / 2 ** 20} MiB` : String(value),
      ]),
    ];
    element('facts').replaceChildren(
      ...rows.map(([name, value]) => {
        const row = document.createElement('div');
        const term = document.createElement('dt');
        const definition = document.createElement('dd');
        term.textContent = name;
        definition.textContent = value;
        row.append(term, definition);
        return row;
      }),
    );
  }
}

/** `maxBufferSize` to `Max buffer size`. */
function limitWords(name: string): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function setText(id: string, text: string | undefined): void {
  const target = element(id);
  target.hidden = text === undefined;
  if (target.textContent !== (text ?? '')) target.textContent = text ?? '';
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}
