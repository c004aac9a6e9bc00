/** What a stage's GPU memory is for, in the order in which people are told. */
export const memoryKinds = [
  /** Parameters and running statistics. */
  'weights',
  /** The parameters' gradients. */
  'gradients',
  /** Momentum, or Adam's two averages. */
  'optimizer',
  /** What each micro-batch in flight keeps from its forward for its backward. */
  'activations',
  /** Shared by all micro-batches. */
  'workspace',
  /** Tensors on their way in and out, and the kernels' sizes. */
  'transfer',
] as const;

/** Bytes by what they are for. */
export type MemoryUse = Readonly<Record<(typeof memoryKinds)[number], number>>;

export function totalBytes(use: MemoryUse): number {
  return memoryKinds.reduce((total, kind) => total + use[kind], 0);
}

/** In megabytes: `weights 69, gradients 69, …` */
export function describeMemory(use: MemoryUse): string {
  return memoryKinds.map((kind) => `${kind} ${megabytes(use[kind])}`).join(', ');
}

/** Rounded up: what is asked for is never said to be less. */
export function megabytes(bytes: number): string {
  return Math.ceil(bytes / 1e6).toFixed(0);
}
