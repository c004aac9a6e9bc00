import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet, type ModelConfig } from '../../runtime/model/resnet';
import type { NamedTensors } from '../../runtime/tensor';
import { decodeSafetensors } from '../../runtime/weights/safetensors';
import type { Checkpoint } from './checkpoint';
import { CheckpointError } from './error';
import { loadCheckpoint } from './load-checkpoint';
import { loadWeights } from './load-weights';
import { saveCheckpoint } from './save-checkpoint';

const config: ModelConfig = { architecture: 'resnet20', numClasses: 10, stem: 'cifar' };
const model = buildResNet(config);

function checkpointOf(step: number, seed = step): Checkpoint {
  const state = initialize(model.units, seed);
  const momentum = { shape: [10], data: new Float32Array(10).fill(0.5) };
  state.set('optimizer.momentum_buffer.fc.bias', momentum);
  const metadata = { classes: '["cat","dog"]', seed: String(seed) };
  return { model: config, state, step, numBatchesTracked: 4 * step, metadata };
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-checkpoint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Bitwise, and quick to compare. */
function fingerprint(state: NamedTensors): [string, string][] {
  return [...state]
    .map(([name, { shape, data }]): [string, string] => {
      const hash = createHash('sha256').update(new Uint8Array(data.slice().buffer));
      return [name, `${shape.join('x')} ${hash.digest('hex')}`];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

test('what was saved is loaded bit by bit, the optimizer’s state included', async () => {
  const saved = checkpointOf(120);
  const path = await saveCheckpoint(join(folder, 'new', 'checkpoints'), saved);
  expect(path).toBe(join(folder, 'new', 'checkpoints', 'step-000120.safetensors'));
  const loaded = await loadCheckpoint(path);
  expect(fingerprint(loaded.state)).toEqual(fingerprint(saved.state));
  expect(loaded).toMatchObject({ model: config, step: 120, numBatchesTracked: 480 });
  expect(loaded.metadata).toMatchObject({ ...saved.metadata, format: 'pt' });
  expect(await readdir(join(folder, 'new', 'checkpoints'))).toEqual([
    'step-000120.optimizer.safetensors',
    'step-000120.safetensors',
  ]);
});

test('the first file holds torchvision’s tensors and nothing else', async () => {
  const path = await saveCheckpoint(folder, checkpointOf(7));
  const { tensors } = decodeSafetensors(await readFile(path));
  expect([...tensors.keys()].filter((name) => name.startsWith('optimizer'))).toEqual([]);
  const tracked = tensors.get('layer2.0.bn1.num_batches_tracked');
  expect(tracked).toMatchObject({ dtype: 'I64', shape: [] });
  expect([...(tracked?.bytes ?? [])]).toEqual([28, 0, 0, 0, 0, 0, 0, 0]);
});

test('the same checkpoint makes the same bytes', async () => {
  const first = await readFile(await saveCheckpoint(join(folder, 'a'), checkpointOf(3)));
  const second = await readFile(await saveCheckpoint(join(folder, 'b'), checkpointOf(3)));
  expect(first.equals(second)).toBe(true);
});

// A name that leads to /dev/full: opening works, every write fails as on a full disk.
test.skipIf(!existsSync('/dev/full'))('a full disk is named, and the old file stays', async () => {
  const path = await saveCheckpoint(folder, checkpointOf(3));
  const before = await readFile(path);
  await symlink('/dev/full', `${path}.partial`);
  const again = saveCheckpoint(folder, checkpointOf(3, 99));
  await expect(again).rejects.toThrow(CheckpointError);
  await expect(again).rejects.toThrow(
    `${path}: the disk is full: expected room for 1.1 MB; free some space or give another folder; checkpoints written before are as they were`,
  );
  expect((await readFile(path)).equals(before)).toBe(true);
  expect(existsSync(`${path}.partial`)).toBe(false);
});

test('a folder that is a file is refused', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(saveCheckpoint(join(folder, 'file'), checkpointOf(3))).rejects.toThrow(
    'there is no such folder; make it or give another',
  );
});

test('a state that is not the model’s is not written', async () => {
  const { state, ...rest } = checkpointOf(3);
  const lacking = new Map([...state].filter(([name]) => name !== 'fc.bias'));
  await expect(saveCheckpoint(folder, { ...rest, state: lacking })).rejects.toThrow(
    "the state to be saved lacks 'fc.bias'",
  );
  expect(await readdir(folder)).toEqual([]);
});

test('a missing file, a folder and a truncated file are refused in one sentence', async () => {
  const missing = join(folder, 'none.safetensors');
  await expect(loadWeights(missing, model)).rejects.toThrow(
    `${missing}: there is no such file; check the path`,
  );
  await expect(loadWeights(folder, model)).rejects.toThrow(
    'expected a .safetensors file, got a folder',
  );
  const path = await saveCheckpoint(folder, checkpointOf(3));
  const { length } = await readFile(path);
  await truncate(path, 100_000);
  for (const load of [() => loadWeights(path, model), () => loadCheckpoint(path)]) {
    const loading = load();
    await expect(loading).rejects.toThrow(CheckpointError);
    await expect(loading).rejects.toThrow(
      `${path}: expected ${length} bytes, the file has 100000: it was cut off; copy or download it again`,
    );
  }
});

test('weights for other classes are refused with the remedy, or taken without their head', async () => {
  const path = await saveCheckpoint(folder, checkpointOf(3));
  const other = buildResNet({ ...config, numClasses: 4 });
  await expect(loadWeights(path, other)).rejects.toThrow(
    `${path}: the weights don't fit resnet20 with 4 classes; fc.weight: expected 4x64, got 10x64`,
  );
  const { state, replaced, numBatchesTracked } = await loadWeights(path, other, {
    replaceHead: true,
  });
  expect(replaced).toEqual(['fc.weight', 'fc.bias']);
  expect(state.has('fc.weight')).toBe(false);
  expect(numBatchesTracked).toBe(12);
});

const optimizer = (of: string): string => of.replace('.safetensors', '.optimizer.safetensors');

test('two files of different steps are no checkpoint', async () => {
  const path = await saveCheckpoint(folder, checkpointOf(3));
  const later = await saveCheckpoint(folder, checkpointOf(4));
  await writeFile(optimizer(path), await readFile(optimizer(later)));
  await expect(loadCheckpoint(path)).rejects.toThrow(
    `${optimizer(path)}: expected the optimizer's state of step 3, got that of step 4`,
  );
});

test('an optimizer’s state of another type is named with its file', async () => {
  const path = optimizer(await saveCheckpoint(folder, checkpointOf(5)));
  const text = (await readFile(path)).toString('latin1');
  await writeFile(path, Buffer.from(text.replaceAll('"F32"', '"I32"'), 'latin1'));
  const loading = loadCheckpoint(path.replace('.optimizer', ''));
  await expect(loading).rejects.toThrow(CheckpointError);
  await expect(loading).rejects.toThrow(
    `${path}: optimizer.momentum_buffer.fc.bias: expected floating-point numbers`,
  );
});
