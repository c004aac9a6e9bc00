import { InvalidArgumentError } from 'commander';

/** Parsers of option values; commander adds the option's name to what they throw. */

export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < minimum || text.trim() === '') {
      throw new InvalidArgumentError(`Expected a whole number of ${minimum} or more.`);
    }
    return value;
  };
}

export function portNumber(text: string): number {
  const port = wholeNumber(0)(text);
  if (port > 65_535) throw new InvalidArgumentError('Expected a port: 0 to 65535.');
  return port;
}

export function numberBetween(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < minimum || value > maximum || text.trim() === '') {
      const range =
        maximum === Infinity ? `of ${minimum} or more` : `between ${minimum} and ${maximum}`;
      throw new InvalidArgumentError(`Expected a number ${range}.`);
    }
    return value;
  };
}

/** `auto`, `none`, or unit names between commas. */
export function cutList(text: string): 'auto' | readonly string[] {
  if (text === 'auto') return 'auto';
  if (text === 'none') return [];
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) {
    throw new InvalidArgumentError('Expected auto, none, or unit names between commas.');
  }
  return names;
}
