import { readFileSync } from 'node:fs';
import type { Contestant } from './contestant';
import type { Materials } from './materials';

/**
 * The largest difference between what a contestant computes and what PyTorch computes in float64:
 * each parameter's gradient after one step, and the output with running statistics; relative to
 * the tensor's largest value.
 */
export async function maxRelativeError(
  contestants: readonly Contestant[],
  exactPeer: Contestant,
  materials: Materials,
): Promise<number> {
  const work = { end: null, samples: 4, imageSize: 64, exact: true };
  const results = [];
  for (const contestant of [exactPeer, ...contestants]) {
    await contestant.ask(materials.load(work));
    await contestant.ask({ kind: 'train' });
    const { files } = await contestant.ask({ kind: 'results', folder: materials.folder });
    results.push(new Map(Object.entries(files).map(([name, file]) => [name, floats(file)])));
  }
  const [expected = new Map<string, Float32Array>(), ...actual] = results;
  const errors = actual.flatMap((tensors) =>
    [...expected].map(([name, values]) => relativeError(tensors.get(name), values)),
  );
  return Math.max(...errors);
}

function relativeError(actual: Float32Array | undefined, expected: Float32Array): number {
  if (actual?.length !== expected.length) return Infinity;
  let largest = 0;
  let difference = 0;
  expected.forEach((value, index) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - (actual[index] ?? NaN)));
  });
  return difference / largest;
}

function floats(file: string): Float32Array {
  return new Float32Array(Uint8Array.from(readFileSync(file)).buffer);
}
