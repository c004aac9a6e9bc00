import type { LinkFacts } from '../../runtime/link/control';

/** Then a link is measured again: the cable may be another. */
const maxAgeMs = 60 * 60_000;
const maxChoices = 256;

/**
 * What was measured to be fastest, by device and route: one that comes back goes on at once. It is
 * not kept over a restart of the host, which takes longer than to measure again.
 */
export class RememberedChoices {
  readonly #choices = new Map<string, { readonly facts: LinkFacts; readonly at: number }>();
  readonly #now: () => number;

  constructor(now = (): number => Date.now()) {
    this.#now = now;
  }

  find(key: string): LinkFacts | undefined {
    const choice = this.#choices.get(key);
    return choice && this.#now() - choice.at < maxAgeMs ? choice.facts : undefined;
  }

  /** The oldest makes room. */
  keep(key: string, facts: LinkFacts): void {
    this.#choices.delete(key);
    this.#choices.set(key, { facts, at: this.#now() });
    const [oldest] = this.#choices.keys();
    if (this.#choices.size > maxChoices && oldest !== undefined) this.#choices.delete(oldest);
  }

  forget(key: string): void {
    this.#choices.delete(key);
  }
}
