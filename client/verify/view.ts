import type { Failed } from '../device-page/failed';
import type { Kept } from '../device-page/post';
import { DeviceView, element, limitRows, setText } from '../device-page/view';
import { OperationTable } from './operation-table';
import type { VerifyStatus } from './status';

type Ready = Extract<VerifyStatus, { state: 'ready' }>;

const setWords = {
  quick: 'every operation at its own channels, kernel and stride, on small pictures',
  full: 'every operation at the shapes of 224x224 pictures',
} as const;

/** The page's elements; {@link VerifyView.show} is all that ever changes them. */
export class VerifyView extends DeviceView {
  readonly #table = new OperationTable(element('operations'));
  #ready: Ready | undefined;
  #done = 0;

  show(status: Exclude<VerifyStatus, Failed>): void {
    switch (status.state) {
      case 'ready':
        this.#ready = status;
        this.mood('running', 'busy');
        element('heads').hidden = false;
        this.say(
          'Checking the kernels',
          `This device computes ${setWords[status.set]}, forward and backward, and compares each with float64 and with PyTorch.`,
        );
        this.#showReady(status);
        break;
      case 'running':
        setText('current', `${this.#counted()}: ${status.op}, ${status.shape}`);
        break;
      case 'result':
        this.#done++;
        this.#table.add(status.result);
        this.showProgress(this.#done / (this.#ready?.total ?? 1));
        document.title = `${this.#counted()} – Tandem`;
        break;
      case 'finished':
        this.#finish(status.ms, status.kept);
    }
  }

  #finish(ms: number, kept: Kept): void {
    const { failed } = this.#table;
    const bound = 'the bound of 1e-5';
    this.mood('finished', failed === 0 ? 'done' : 'problem');
    if (failed === 0) {
      this.say('Every kernel is right', `All ${this.#done} cases stay below ${bound}.`);
    } else {
      const cases = failed === 1 ? '1 case fails' : `${failed} cases fail`;
      this.say(cases, `Of ${this.#done} cases ${failed} miss ${bound}; they stand open below.`);
    }
    setText('current', `${(ms / 1000).toFixed(1)} seconds`);
    this.showKept(kept);
    this.end();
  }

  #counted(): string {
    return `${this.#done} of ${this.#ready?.total ?? 0}`;
  }

  #showReady({ device, limits, total }: Ready): void {
    this.showFacts('facts', [
      ['Device', device],
      ['Cases', String(total)],
      ['Bound', 'errors below 1e-5 at unit scale'],
      ...limitRows(limits),
    ]);
  }
}
