/**
 * A message as pieces of memory that follow one another. So a tensor leaves out of its own memory
 * behind a header, and may come into its own memory in the same way.
 */
export type Pieces = readonly Uint8Array[];

/** Pieces that sockets and requests take; shared memory is none. */
export type SendablePieces = readonly Uint8Array<ArrayBuffer>[];

export function byteLength(pieces: Pieces): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/**
 * The message in one piece: itself where it is one, and otherwise copied.
 * @param memory where to, if it was made already; it is at least as long
 */
export function joined(
  pieces: SendablePieces,
  memory?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer>;
export function joined(pieces: Pieces): Uint8Array;
export function joined(pieces: Pieces, memory?: Uint8Array): Uint8Array {
  const [first, second] = pieces;
  if (first && !second) return first;
  const whole = memory ?? new Uint8Array(byteLength(pieces));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole.subarray(0, at);
}
