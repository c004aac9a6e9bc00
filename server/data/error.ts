/** A data set can't be used as it is; the message says what stands there and what to change. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';
}

/** More pictures than a data set may lose can't be decoded. */
export class UndecodablePicturesError extends Error {
  override readonly name = 'UndecodablePicturesError';
}
