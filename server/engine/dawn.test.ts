import { expect, test } from 'vitest';
import { createDawnGpu } from './dawn';

test('gives a graphics processor, real or in software, and says which', async () => {
  const { gpu, implementation } = await createDawnGpu();
  const adapter = await gpu.requestAdapter();
  expect(adapter?.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
  expect(implementation).toMatch(/^Dawn/);
});
