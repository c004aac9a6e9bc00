import { availableParallelism, cpus } from 'node:os';

/** All cores, or all but one, left to the network and the pictures, where there are more than two. */
export function defaultNumThreads(): number {
  const cores = availableParallelism();
  return cores <= 2 ? cores : cores - 1;
}

/** The processor in words: `AMD Ryzen 7 5800X, 7 threads`. */
export function describeCpu(numThreads: number): string {
  const model = cpus()[0]?.model.trim().replaceAll(/\s+/g, ' ') ?? process.arch;
  return `${model}, ${numThreads} ${numThreads === 1 ? 'thread' : 'threads'}`;
}
