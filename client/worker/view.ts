import { CodeField } from './code-field';
import { describe, type Description, type PageStatus, type Readout } from './description';
import { formatPercent } from './quantity';

type Action = Description['action']['kind'];

/** The page's elements; {@link StatusView.show} is all that ever changes them. */
export class StatusView {
  readonly #headline = element('headline');
  readonly #sentence = element('sentence');
  readonly #remedy = element('remedy');
  readonly #detail = element('detail');
  readonly #readouts = element('readouts');
  readonly #facts = element('facts');
  readonly #screen = element('screen');
  readonly #button = element('action');
  readonly #dial = element('dial');
  readonly #dialValue = element('dial-value');
  readonly #dialBig = element('dial-big');
  readonly #dialSmall = element('dial-small');
  readonly #codeField: CodeField;
  #action: Action = 'start';
  #link: string | undefined;

  /**
   * @param onAction called when the person presses the button
   * @param onCode called with a code that the person entered
   */
  constructor(onAction: (action: Action) => void, onCode: (code: string) => void) {
    this.#codeField = new CodeField(onCode);
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
    this.#button.setAttribute('data-kind', this.#action);
    this.#codeField.isShown = description.asksForCode;
    showPairs(this.#readouts, description.readouts);
    const facts = description.facts.map(([name, value]) => ({ name, value }));
    // Where the device works, its link is of interest too.
    if (this.#link !== undefined && facts.length > 0) {
      facts.push({ name: 'Link', value: this.#link });
    }
    showPairs(this.#facts, facts);
    this.#showDial(description.dial);
    // A ring that tells nothing is no news to a screen reader.
    const isIdle = description.mood !== 'busy' && description.dial.fraction === undefined;
    this.#dial.setAttribute('aria-hidden', String(isIdle));
  }

  /** What the link to the computer is, beside the next facts. */
  showLink(words: string): void {
    this.#link = words;
  }

  /** A line on whether the screen stays on; undefined takes it away. */
  showScreen(text: string | undefined): void {
    setText(this.#screen, text);
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

/** Fills a list of definitions; a screen reader's place in it survives a change of its values. */
function showPairs(list: Element, pairs: readonly Readout[]): void {
  while (list.children.length > pairs.length) list.lastElementChild?.remove();
  for (const [index, { name, value, note }] of pairs.entries()) {
    const row = list.children[index] ?? list.appendChild(newRow());
    const [term, definition, remark] = row.children;
    if (term) setText(term, name);
    if (definition) setText(definition, value);
    if (remark) setText(remark, note);
  }
}

function newRow(): Element {
  const row = document.createElement('div');
  const remark = document.createElement('dd');
  remark.className = 'note';
  row.append(document.createElement('dt'), document.createElement('dd'), remark);
  return row;
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
