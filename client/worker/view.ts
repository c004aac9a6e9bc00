import { factRows } from '../device-page/facts';
import { describe, type Description, type PageStatus } from './description';
import { formatPercent } from './quantity';

type Action = Description['action']['kind'];

/** The page's elements; {@link StatusView.show} is all that ever changes them. */
export class StatusView {
  readonly #headline = element('headline');
  readonly #sentence = element('sentence');
  readonly #remedy = element('remedy');
  readonly #detail = element('detail');
  readonly #facts = element('facts');
  readonly #screen = element('screen');
  readonly #button = element('action');
  readonly #dial = element('dial');
  readonly #dialValue = element('dial-value');
  readonly #dialBig = element('dial-big');
  readonly #dialSmall = element('dial-small');
  #action: Action = 'start';
  #link: string | undefined;

  /** @param onAction called when the person presses the button */
  constructor(onAction: (action: Action) => void) {
    this.#button.addEventListener('click', () => {
      onAction(this.#action);
    });
  }

  show(status: PageStatus): void {
    const description = describe(status);
    document.title = description.title;
    // Tests and style sheets read the state here.
    document.body.dataset['state'] = status.state;
    document.body.dataset['mood'] = description.mood;
    if (status.state === 'failed') document.body.dataset['reason'] = status.reason;
    else delete document.body.dataset['reason'];
    setText(this.#headline, description.headline);
    setText(this.#sentence, description.sentence);
    setText(this.#remedy, description.remedy);
    setText(this.#detail, description.detail);
    setText(this.#button, description.action.label);
    this.#action = description.action.kind;
    this.#showFacts(description.facts);
    this.#showDial(description.dial);
  }

  /** What the link to the computer is, beside the next facts. */
  showLink(words: string): void {
    this.#link = words;
  }

  /** A line on whether the screen stays on; undefined takes it away. */
  showScreen(text: string | undefined): void {
    setText(this.#screen, text);
  }

  #showFacts(facts: Description['facts']): void {
    const link =
      this.#link !== undefined && facts.length > 0 ? ([['Link', this.#link]] as const) : [];
    this.#facts.replaceChildren(...factRows([...facts, ...link]));
  }

  #showDial({ fraction, big, small }: Description['dial']): void {
    setText(this.#dialBig, big);
    setText(this.#dialSmall, small);
    this.#dial.classList.toggle('dial-endless', fraction === undefined);
    // pathLength is 100: the dash is the percentage.
    this.#dialValue.setAttribute('stroke-dasharray', `${100 * (fraction ?? 0.25)} 100`);
    if (fraction === undefined) {
      this.#dial.removeAttribute('aria-valuenow');
      this.#dial.removeAttribute('aria-valuetext');
    } else {
      this.#dial.setAttribute('aria-valuenow', String(Math.floor(100 * fraction)));
      this.#dial.setAttribute('aria-valuetext', [big, small].join(' ') || formatPercent(fraction));
    }
  }
}

/** Leaves unchanged text alone, so that a screen reader speaks only of what is new. */
function setText(target: Element, text: string | undefined): void {
  target.toggleAttribute('hidden', text === undefined);
  if (target.textContent !== (text ?? '')) target.textContent = text ?? '';
}

function element(id: string): Element {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}
