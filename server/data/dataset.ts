/** A picture file and its class. */
export interface Picture {
  readonly path: string;
  /** Index into the data set's classes. */
  readonly label: number;
}

export interface Dataset {
  /** Names in code-unit order; a label is an index into them. */
  readonly classes: readonly string[];
  readonly train: readonly Picture[];
  readonly validation: readonly Picture[];
}
