import { expect, test } from 'vitest';
import { createDawnGpu } from '../../server/engine/dawn';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import { withKernel } from '../verify/with-kernel';
import { requestDevice } from '../webgpu/device';
import { computeWhileHidden } from './hiding';
import { loopKernels, productKernels } from './kernels';
import { compareLoops } from './loops';
import { compareProducts } from './products';
import { benchSettings } from './settings';
import { growSubmits } from './submits';

const fixture = dawnFixture();
const settings = { ...benchSettings(true), loopIterations: 64, productSize: 32 };

/** The fixture's device with a kernel that has this place replaced. */
function broken(
  { name, code }: { name: string; code: string },
  from: string,
  to: string,
): GPUDevice {
  expect(code, 'the place to break').toContain(from);
  return withKernel(fixture.device, name, code.replace(from, to));
}

test('a loop that skips a step is wrong', async () => {
  const device = broken(loopKernels.unrolled, 'sum2 = sum2 * factor + term;\n', '');
  const loops = await compareLoops(device, settings);
  expect(loops.map(({ form, right }) => [form, right])).toEqual([
    ['guarded', true],
    ['unrolled', false],
  ]);
});

test.each([
  ['registers', 'a2.z * b2', 'a2.z * b1'],
  ['workgroup', 'fromB + columns * 24u', 'fromB + columns * 16u'],
] as const)('a product by %s with one operand mistaken is wrong', async (form, from, to) => {
  const products = await compareProducts(broken(productKernels[form], from, to), settings);
  expect(products.map((product) => [product.form, product.right])).toEqual([
    ['registers', form !== 'registers'],
    ['workgroup', form !== 'workgroup'],
  ]);
});

test('a submit with wrong numbers ends the growth', async () => {
  const device = broken(loopKernels.unrolled, 'sum2 = sum2 * factor + term;\n', '');
  const submits = await growSubmits(device, settings, () => undefined);
  expect(submits).toEqual({ steps: [], atMs: 1, ended: 'wrong' });
});

test('a device that is lost in a submit ends the growth, and leaves what went well', async () => {
  const { gpu } = await createDawnGpu();
  const { device } = await requestDevice(gpu);
  const begun: string[] = [];
  const submits = await growSubmits(device, settings, (what) => {
    begun.push(what);
    if (what.includes(' 4 ms')) device.destroy();
  });
  expect(begun).toEqual(['a submit of 1 ms', 'a submit of 2 ms', 'a submit of 4 ms']);
  expect(submits).toMatchObject({ ended: 'lost', atMs: 4 });
  expect(submits.detail).toContain('destroyed');
  expect(submits.steps.map(({ aimMs }) => aimMs)).toEqual([1, 2]);
});

test('a device that outlives the hidden page goes on computing', async () => {
  const shown = new Promise<number>((resolve) => setTimeout(resolve, 500, 500));
  const none = () => Promise.reject(new Error('no other device is asked for'));
  const hiding = await computeWhileHidden(fixture.device, settings, shown, none);
  expect(hiding).toMatchObject({ hiddenMs: 500, worksAgain: true });
  expect(hiding.lost).toBeUndefined();
  expect(hiding.submits).toBeGreaterThan(0);
});

test('a device that is lost while the page is hidden is named, and another one tried', async () => {
  const { gpu } = await createDawnGpu();
  const { device } = await requestDevice(gpu);
  const shown = new Promise<number>((resolve) => {
    setTimeout(() => {
      device.destroy();
      resolve(300);
    }, 300);
  });
  const again = () => Promise.resolve(fixture.device);
  const hiding = await computeWhileHidden(device, settings, shown, again);
  expect(hiding).toMatchObject({ hiddenMs: 300, worksAgain: true });
  expect(hiding.lost).toContain('destroyed');
});
