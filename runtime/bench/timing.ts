/** Shorter samples would measure the readback that ends them. */
const minimumSampleMs = 40;

/**
 * The median milliseconds of each, measured in turns so that a slow moment of the machine falls on
 * all alike. A sample is as many runs as take 40 ms or more, ended by reading one value back.
 *
 * @param run issues `count` runs and waits for the last; ran before, so that all is compiled
 */
export async function medianMs(
  runs: readonly ((count: number) => Promise<void>)[],
  repetitions: number,
): Promise<number[]> {
  const counts: number[] = [];
  const samples: number[][] = [];
  for (const run of runs) {
    const once = await elapsed(run, 1);
    const count = Math.min(64, Math.max(1, Math.ceil(minimumSampleMs / once)));
    counts.push(count);
    samples.push(count === 1 ? [once] : []);
  }
  for (let turn = 1; samples.some(({ length }) => length < repetitions); turn++) {
    for (let place = 0; place < runs.length; place++) {
      const index = (place + turn) % runs.length;
      const [run, count = 1, own = []] = [runs[index], counts[index], samples[index]];
      if (run && own.length < repetitions) own.push((await elapsed(run, count)) / count);
    }
  }
  return samples.map(median);
}

async function elapsed(run: (count: number) => Promise<void>, count: number): Promise<number> {
  const start = performance.now();
  await run(count);
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** exp of the weighted mean of the logarithms; NaN of nothing. */
export function geometricMean(values: readonly { value: number; weight: number }[]): number {
  const weight = values.reduce((sum, each) => sum + each.weight, 0);
  return Math.exp(
    values.reduce((sum, each) => sum + Math.log(each.value) * each.weight, 0) / weight,
  );
}
