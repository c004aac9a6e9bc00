import { codeIn } from '../../runtime/pairing/proof';

/**
 * Where a person types or pastes what the computer shows: a page on the home screen has storage of
 * its own, and no link to be opened by.
 */
export class CodeField {
  readonly #form: HTMLFormElement;
  readonly #input: HTMLInputElement;
  readonly #error: HTMLElement;

  /** @param onCode gets a code that looks like one */
  constructor(onCode: (code: string) => void) {
    this.#form = find('pairing', HTMLFormElement);
    this.#input = find('code', HTMLInputElement);
    this.#error = find('code-error', HTMLElement);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const code = codeIn(this.#input.value);
      this.#error.hidden = code !== undefined;
      this.#input.setAttribute('aria-invalid', String(code === undefined));
      if (code === undefined) this.#input.focus();
      else onCode(code);
    });
  }

  set isShown(isShown: boolean) {
    this.#form.hidden = !isShown;
  }
}

function find<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} #${id}`);
}
