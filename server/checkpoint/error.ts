/** A checkpoint or weights file can't be written or read. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
}

/** The system's code of a failed file operation (`ENOENT`, `ENOSPC`); undefined for other errors. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
