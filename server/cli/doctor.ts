import { findings, type Finding } from '../doctor/findings';
import { printJson, say } from './output';
import { defaultPorts } from './serve';

const marks: Readonly<Record<Finding['state'], string>> = {
  good: 'ok  ',
  warning: 'look',
  bad: 'BAD ',
};

/** `tandem doctor`: why a phone may not get in, and what to do. Exit code 1 where something is bad. */
export async function doctor({ json }: { readonly json: boolean }): Promise<void> {
  // Loaded only here: it looks for browsers by Playwright, which takes half a second to start.
  const { gather } = await import('../doctor/gather');
  const found = findings(await gather(defaultPorts));
  for (const { about, state, text, remedy } of found) {
    say(`${marks[state]} ${about.padEnd(11)} ${text}`);
    if (remedy !== undefined) say(`${' '.repeat(17)}${remedy}`);
  }
  if (json) printJson({ findings: found });
  if (found.some(({ state }) => state === 'bad')) process.exitCode = 1;
}
