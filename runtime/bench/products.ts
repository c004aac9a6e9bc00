import { Random } from '../random';
import { dispatch } from '../webgpu/kernel';
import { allocate } from '../webgpu/memory';
import { RepeatableDispatches } from '../webgpu/repeatable-dispatches';
import { productKernels } from './kernels';
import type { Comparison } from './report';
import type { BenchSettings } from './settings';
import { medianMs } from './timing';

/** Of the sum of a result's absolute products; rounding in float32 leaves about 1e-7. */
const tolerance = 3e-6;
const sampleCount = 64;

/** The same matrix product from registers alone and through workgroup memory. */
export async function compareProducts(
  device: GPUDevice,
  { productSize: size, repetitions }: BenchSettings,
): Promise<Comparison[]> {
  const random = new Random(5, 'product');
  const draw = (): Float32Array =>
    Float32Array.from({ length: size * size }, () => random.between(-1, 1));
  const [a, b] = [draw(), draw()];
  const blocks = size / 4;
  const forms = ['registers', 'workgroup'] as const;
  const products = await Promise.all(
    forms.map(async (form) => {
      const [regionA, regionB, regionC] = (['a', 'b', 'c'] as const).map((label) =>
        allocate(label, size * size * 4),
      );
      if (!regionA || !regionB || !regionC) throw new Error('three operands');
      const repeatable = await RepeatableDispatches.create(device, [
        dispatch(productKernels[form], {
          params: { depthBlocks: blocks, columnBlocks: blocks },
          regions: { a: regionA, b: regionB, c: regionC },
          threads: [blocks, blocks, 1],
        }),
      ]);
      repeatable.write(regionA, a);
      repeatable.write(regionB, b);
      repeatable.submit(1);
      const right = isProduct(await repeatable.read(regionC), a, b, size);
      return { form, repeatable, right, run: (n: number) => repeatable.run(n, regionC) };
    }),
  );
  const times = await medianMs(
    products.map(({ run }) => run),
    repetitions,
  );
  return products.map(({ form, repeatable, right }, index) => {
    repeatable.destroy();
    return { form, gigaflops: (2 * size ** 3) / (times[index] ?? NaN) / 1e6, right };
  });
}

/** Whether sampled elements of c, in every corner of a tile, are the sums that float64 makes. */
function isProduct(c: Float32Array, a: Float32Array, b: Float32Array, size: number): boolean {
  const random = new Random(6, 'places');
  return Array.from({ length: sampleCount }).every((_, sample) => {
    const place = sample < 2 ? sample * (size * size - 1) : random.integer(size * size);
    const [row, column] = [Math.floor(place / size), place % size];
    let sum = 0;
    let absolute = 0;
    for (let k = 0; k < size; k++) {
      const product = (a[row * size + k] ?? NaN) * (b[k * size + column] ?? NaN);
      sum += product;
      absolute += Math.abs(product);
    }
    return Math.abs((c[place] ?? NaN) - sum) <= tolerance * absolute;
  });
}
