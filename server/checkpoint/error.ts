/** A checkpoint or weights file can't be written or read. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
}
