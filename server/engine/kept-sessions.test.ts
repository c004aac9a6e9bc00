import { expect, test } from 'vitest';
import { buildResNet } from '../../runtime/model/resnet';
import { KeptSessions } from './kept-sessions';
import { specOf } from './stage-fixture';

const { units } = buildResNet({ architecture: 'resnet20', numClasses: 3, stem: 'cifar' });
const options = { numThreads: 1, blockSize: undefined };
const block = (name: string) =>
  specOf(
    units.filter((unit) => unit.name === name),
    [16, 8, 8],
  );

test('the stage before is kept, the one before that is not', async () => {
  const kept = new KeptSessions();
  const first = await kept.get(block('layer1.0'), options);
  const second = await kept.get(block('layer1.1'), options);
  expect(await kept.get(block('layer1.0'), options)).toBe(first);
  await kept.get(block('layer1.2'), options);
  expect(await kept.get(block('layer1.0'), options)).toBe(first);
  expect(await kept.get(block('layer1.1'), options)).not.toBe(second);
  await kept.release();
});

test('another micro-batch, step or layout is another stage', async () => {
  const kept = new KeptSessions();
  const spec = block('layer1.0');
  const first = await kept.get(spec, options);
  for (const change of [{ microBatchSize: 3 }, { numMicroBatches: 5 }]) {
    expect(await kept.get({ ...spec, ...change }, options)).not.toBe(first);
  }
  expect(await kept.get(spec, { ...options, numThreads: 2 })).not.toBe(first);
  await kept.release();
});
