/** What was wrong with a message or frame; stable, so that a worker in another language can tell. */
export type ProtocolErrorCode =
  | 'bad-message'
  | 'bad-record'
  | 'bad-magic'
  | 'bad-version'
  | 'bad-kind'
  | 'bad-dtype'
  | 'bad-shape'
  | 'bad-chunk'
  | 'bad-credit'
  | 'truncated'
  | 'oversize'
  | 'unexpected';

/** A message or frame that the protocol does not allow; the connection can't go on. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
