import { median } from '../../../runtime/bench/timing';

/** Memory at one step, garbage collected before. */
export interface MemorySample {
  readonly step: number;
  /** Of the GPU buffers that exist, made less destroyed. */
  readonly gpuBytes: number;
  readonly gpuBuffers: number;
  /** Since the start. */
  readonly buffersMade: number;
  readonly pageHeapBytes: number;
  readonly workerHeapBytes: number;
  /** Of the renderer's and the GPU's process; undefined where it can't be read. */
  readonly residentBytes: number | undefined;
}

type Quantity = Exclude<keyof MemorySample, 'step'>;

/**
 * How much more the last quarter's median may be than the second quarter's. Buffers are made once, so
 * they may not grow at all; half a mebibyte of heap over a thousand steps is 500 bytes a step, less
 * than one object kept of each micro-batch; allocators move a process by some percent.
 */
const allowedGrowth: Readonly<Record<Quantity, (before: number) => number>> = {
  gpuBytes: () => 0,
  gpuBuffers: () => 0,
  buffersMade: () => 0,
  pageHeapBytes: () => 2 ** 19,
  workerHeapBytes: () => 2 ** 19,
  residentBytes: (before) => 0.05 * before,
};

/** One kind of memory, in the second and in the last quarter of a run. */
export interface Growth {
  readonly quantity: string;
  readonly before: number;
  readonly after: number;
  readonly allowed: number;
  readonly isFlat: boolean;
}

/** Compares the quarters' medians; the first one is left out, while everything is set up. */
export function growthOf(samples: readonly MemorySample[]): Growth[] {
  const quarter = Math.floor(samples.length / 4);
  const [second, last] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  return (Object.keys(allowedGrowth) as Quantity[]).flatMap((quantity) => {
    const middle = (part: readonly MemorySample[]): number =>
      median(part.map((sample) => sample[quantity] ?? NaN));
    const [before, after] = [middle(second), middle(last)];
    if (Number.isNaN(before)) return [];
    const allowed = allowedGrowth[quantity](before);
    return [{ quantity, before, after, allowed, isFlat: after - before <= allowed }];
  });
}

/** The last quarter's median time over the second's: 1 is no slow-down. */
export function slowdownOf(ms: readonly number[]): number {
  const quarter = Math.floor(ms.length / 4);
  return median(ms.slice(-quarter)) / median(ms.slice(quarter, 2 * quarter));
}
