import { dispatch, type Dispatch } from '../webgpu/kernel';
import { allocate, type Region } from '../webgpu/memory';
import { RepeatableDispatches } from '../webgpu/repeatable-dispatches';
import { loopKernels } from './kernels';
import type { Comparison } from './report';
import type { BenchSettings } from './settings';
import { medianMs } from './timing';

/** A run of the loop adds this to each count. */
export const countedPerRun = 4;

/** Four sums a vec4f lane, a multiplication and an addition a step. */
const operationsPerIteration = 4 * 4 * 2;

/** One run of a loop over `threads` counts; `iterations` is a multiple of 16. */
export function planLoop(
  form: keyof typeof loopKernels,
  threads: number,
  iterations: number,
): { readonly dispatch: Dispatch; readonly counts: Region } {
  const counts = allocate('counts', threads * 16);
  return {
    counts,
    dispatch: dispatch(loopKernels[form], {
      // Powers of two times whole numbers: exact as long as the count is below 2 ** 24.
      params: { factor: 1, term: 1, share: 1 / iterations, iterations },
      regions: { counts },
      threads,
    }),
  };
}

/** The same multiply-adds with one and with sixteen steps an iteration: what Safari's guard costs. */
export async function compareLoops(
  device: GPUDevice,
  { loopThreads: threads, loopIterations: iterations, repetitions }: BenchSettings,
): Promise<Comparison[]> {
  const forms = ['guarded', 'unrolled'] as const;
  const loops = await Promise.all(
    forms.map(async (form) => {
      const { dispatch, counts } = planLoop(form, threads, iterations);
      const repeatable = await RepeatableDispatches.create(device, [dispatch]);
      repeatable.submit(1);
      const counted = await repeatable.read(counts);
      return { form, repeatable, counts, right: counted.every((count) => count === countedPerRun) };
    }),
  );
  const times = await medianMs(
    loops.map(
      ({ repeatable, counts }) =>
        (count: number) =>
          repeatable.run(count, counts),
    ),
    repetitions,
  );
  return loops.map(({ form, repeatable, right }, index) => {
    repeatable.destroy();
    const gigaflops = (threads * iterations * operationsPerIteration) / (times[index] ?? NaN) / 1e6;
    return { form, gigaflops, right };
  });
}
