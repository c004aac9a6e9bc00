/** The option of every command that has a result. */
export const jsonOption = ['--json', 'end standard output with one line of JSON', false] as const;

/** A line for people, on standard error. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A command's result, as the last line of standard output. */
export function printJson(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
