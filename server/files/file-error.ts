/** A file can't be written; names it, and says why and what to do. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

/** What a failed attempt to write so many bytes to `path` comes to. */
export function writeFailure(path: string, numBytes: number, cause: unknown): FileError {
  return new FileError(`${path}: ${reason(cause, numBytes)}`, { cause });
}

/** The system's code of a failed file operation (`ENOENT`, `ENOSPC`); undefined for other errors. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function reason(error: unknown, numBytes: number): string {
  const size = numBytes < 1e5 ? `${numBytes} bytes` : `${(numBytes / 1e6).toFixed(1)} MB`;
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk is full: expected room for ${size}; free some space or give another folder`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return "this folder can't be written to; give another folder or permission";
    case 'ENOTDIR':
    case 'ENOENT':
      return 'there is no such folder; make it or give another';
    default:
      return `can't be written (${error instanceof Error ? error.message : String(error)})`;
  }
}
