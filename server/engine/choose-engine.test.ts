import { expect, test } from 'vitest';
import { buildResNet } from '../../runtime/model/resnet';
import { chooseEngine } from './choose-engine';
import { specOf } from './stage-fixture';

const { units } = buildResNet({ architecture: 'resnet20', numClasses: 3, stem: 'cifar' });
const spec = specOf(
  units.filter(({ name }) => name === 'layer1.0'),
  [16, 8, 8],
);

test('the processor unless something else is asked for, and nothing is measured', async () => {
  const said: string[] = [];
  const engine = await chooseEngine({ engine: 'cpu', threads: 1 }, spec, (text) => said.push(text));
  expect(engine.kind).toBe('cpu');
  expect(engine.device).toContain('1 thread');
  expect(said).toEqual([]);
  await engine.dispose();
});

test('webgpu: the same kernels as the phone, on this computer’s device', async () => {
  const engine = await chooseEngine({ engine: 'webgpu' }, spec, () => undefined);
  expect(engine.kind).toBe('webgpu');
  await engine.load(spec);
  expect(engine.memoryBytes()).toBeGreaterThan(0);
  await engine.dispose();
});

test('auto: says which one and why', async () => {
  const said: string[] = [];
  const engine = await chooseEngine({ engine: 'auto', threads: 2 }, spec, (text) =>
    said.push(text),
  );
  expect(said).toHaveLength(1);
  const which = engine.kind === 'cpu' ? 'processor' : 'graphics processor';
  expect(said[0]).toContain(`Engine: the ${which};`);
  await engine.load(spec);
  await engine.dispose();
});
