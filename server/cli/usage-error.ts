/** The command line asks for something that does not exist or does not fit: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
