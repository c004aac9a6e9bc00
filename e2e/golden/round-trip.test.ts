import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StageEngine, StageSpec } from '../../runtime/engine';
import { buildResNet, type ModelConfig } from '../../runtime/model/resnet';
import type { NamedTensors, Shape, Tensor } from '../../runtime/tensor';
import { decodeSafetensors, encodeSafetensors } from '../../runtime/weights/safetensors';
import { storeFloat32, storeInteger, type Dtype } from '../../runtime/weights/stored-tensor';
import { loadWeights } from '../../server/checkpoint/load-weights';
import { saveCheckpoint } from '../../server/checkpoint/save-checkpoint';
import { OnnxEngine } from '../../server/engine/onnx-engine';
import { engines } from './engines';
import { readJson } from './read';
import { trainedState } from './resnet34-state';
import { labelsOf, valuesOf } from '../../runtime/golden/values';

interface Golden {
  readonly numBatchesTracked: number;
  readonly logits: readonly (readonly number[])[];
  readonly sha256: string;
  readonly header: string;
}

interface HeaderEntry {
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly data_offsets: readonly [begin: number, end: number];
}

const golden = readJson('round-trip.json') as Golden;
const header = JSON.parse(golden.header) as Readonly<Record<string, HeaderEntry>>;
const config: ModelConfig = { architecture: 'resnet34', stem: 'imagenet', numClasses: 10 };
const model = buildResNet(config);
const pictures = valuesOf('round-trip/pictures', [2, 3, 64, 64], {
  scale: Math.sqrt(3),
  offset: 0,
});

const spec: StageSpec = {
  units: model.units,
  inputShape: [3, 64, 64],
  microBatchSize: 2,
  numMicroBatches: 2,
  maxInFlight: 1,
  needsInputGradient: false,
  loss: { labelSmoothing: 0 },
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
};

/** The file that torchvision's state dict was saved to, from its header and the values' formula. */
function torchvisionFile(): Uint8Array {
  const text = new TextEncoder().encode(golden.header);
  const ends = Object.values(header).map(({ data_offsets }) => data_offsets[1]);
  const file = new Uint8Array(8 + text.byteLength + Math.max(...ends));
  new DataView(file.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  file.set(text, 8);
  const state = trainedState(model);
  for (const [name, { data_offsets }] of Object.entries(header)) {
    const tensor = state.get(name);
    const stored = tensor ? storeFloat32(tensor) : storeInteger(golden.numBatchesTracked);
    file.set(stored.bytes, 8 + text.byteLength + data_offsets[0]);
  }
  return file;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Type, shape and hash of every tensor of a file, by name. */
function tensorsOf(file: Uint8Array): Record<string, string> {
  const tensors = [...decodeSafetensors(file).tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    tensors.map(([name, { dtype, shape, bytes }]) => [
      name,
      `${dtype} [${shape.join(', ')}] ${sha256(bytes)}`,
    ]),
  );
}

async function logitsOf(engine: StageEngine, state: NamedTensors): Promise<Tensor> {
  await engine.load(spec);
  await engine.importState(state);
  return engine.evaluate(pictures);
}

function largestDifference(actual: Float32Array, expected: readonly number[]): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(...expected.map((value, index) => Math.abs(value - (actual[index] ?? NaN))));
}

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-round-trip-'));
  path = join(folder, 'resnet34.safetensors');
  await writeFile(path, torchvisionFile());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the file put together here is, byte for byte, the one that torchvision’s state dict made', async () => {
  expect(sha256(await readFile(path))).toBe(golden.sha256);
});

test.each(engines)('it gives the logits that torchvision gives: %s', async (_, create) => {
  const { state, naming, numBatchesTracked } = await loadWeights(path, model);
  expect(naming).toBe('torchvision');
  expect(numBatchesTracked).toBe(golden.numBatchesTracked);
  const engine = await create();
  const { shape, data } = await logitsOf(engine, state);
  await engine.dispose();
  expect(shape).toEqual([2, 10]);
  expect(largestDifference(data, golden.logits.flat())).toBeLessThanOrEqual(1e-4);
});

test('a checkpoint has torchvision’s names, shapes and types, and unchanged the same bytes', async () => {
  const { state, numBatchesTracked } = await loadWeights(path, model);
  const checkpoint = { model: config, state, step: 0, numBatchesTracked, metadata: {} };
  const saved = await readFile(await saveCheckpoint(join(folder, 'unchanged'), checkpoint));
  const tensors = tensorsOf(saved);
  expect(tensors).toEqual(tensorsOf(await readFile(path)));
  for (const [name, { dtype, shape }] of Object.entries(header)) {
    expect(tensors[name]).toContain(`${dtype} [${shape.join(', ')}] `);
  }
});

// check_round_trip.py loads what this one leaves in TANDEM_ROUND_TRIP with torchvision.
test('it fine-tunes here, and the checkpoint gives the logits of the engine that wrote it', async () => {
  const kept = process.env['TANDEM_ROUND_TRIP'] ?? join(folder, 'trained');
  const loaded = await loadWeights(path, model);
  const engine = new OnnxEngine();
  const before = await logitsOf(engine, loaded.state);
  const steps = 2;
  for (let step = 1; step <= steps; step++) {
    for (let microBatch = 0; microBatch < spec.numMicroBatches; microBatch++) {
      const labels = labelsOf(`round-trip/labels${step}.${microBatch}`, 2, 10);
      await engine.forwardLoss(microBatch, pictures, labels);
      await engine.backward(microBatch, null);
    }
    await engine.applyOptimizer({ learningRate: 0.003, step });
  }
  const logits = await engine.evaluate(pictures);
  expect(largestDifference(logits.data, [...before.data])).toBeGreaterThan(0.1);
  const saved = await saveCheckpoint(kept, {
    model: config,
    state: await engine.exportState(),
    step: steps,
    numBatchesTracked: loaded.numBatchesTracked + steps * spec.numMicroBatches,
    metadata: {},
  });
  const file = { metadata: new Map(), tensors: new Map([['logits', storeFloat32(logits)]]) };
  await writeFile(join(kept, 'logits.safetensors'), encodeSafetensors(file));

  const again = await loadWeights(saved, model);
  expect(again.numBatchesTracked).toBe(44);
  const reloaded = await logitsOf(engine, again.state);
  await engine.dispose();
  expect([...reloaded.data]).toEqual([...logits.data]);
});
