/** One way to break a kernel: `from` stands in its WGSL, and becomes `to`. */
export type Mutation = readonly [fault: string, from: string, to: string];

/** A kernel's faults, and the operation whose cases must notice each. */
export interface MutatedKernel {
  readonly op: string;
  readonly mutations: readonly Mutation[];
}

/** Of every kernel that may have to add to what is there. */
export const overwrites: Mutation = [
  'overwrites a gradient that is there',
  'params.accumulate == 1u',
  'params.accumulate == 2u',
];
