import { afterAll, beforeAll, expect, test } from 'vitest';
import { initialize } from '../../runtime/model/initialize';
import { buildResNet } from '../../runtime/model/resnet';
import { OnnxEngine } from './onnx-engine';
import { normal, specOf } from './stage-fixture';
import { ThreadedEngine } from './threaded-engine';

const { units } = buildResNet({ architecture: 'resnet20', stem: 'cifar', numClasses: 3 });
const spec = specOf(units.slice(8), [64, 4, 4], { loss: { labelSmoothing: 0 } });
const state = initialize(spec.units, 1);
const input = normal([2, 64, 4, 4], 'input');
const labels = Int32Array.of(0, 2);

const direct = new OnnxEngine({ numThreads: 1 });
const threaded = new ThreadedEngine({ numThreads: 1 });

beforeAll(async () => {
  for (const engine of [direct, threaded]) {
    await engine.load(spec);
    await engine.importState(state);
  }
});

afterAll(async () => {
  await direct.dispose();
  await threaded.dispose();
});

test('a step through the thread equals one without', async () => {
  const steps = [direct, threaded].map(async (engine) => {
    // Issued at once: the thread takes them in this order.
    const loss = engine.forwardLoss(0, input, labels);
    const inputGradient = engine.backwardInput(0, null);
    void engine.backwardWeight(0);
    const gradients = engine.exportGradients();
    void engine.applyOptimizer({ learningRate: 0.1, step: 1 });
    const logits = engine.evaluate(input);
    return Promise.all([loss, inputGradient, gradients, logits, engine.exportState()]);
  });
  const [expected, actual] = await Promise.all(steps);
  expect(actual).toEqual(expected);
  expect(actual?.[1]?.shape).toEqual([2, 64, 4, 4]);
  expect(threaded.memoryBytes()).toBe(direct.memoryBytes());
  expect(threaded.device).toBe(direct.device);
});

test('the caller keeps its tensors, views of a larger buffer too', async () => {
  const [samples = 0, ...sample] = input.shape;
  const message = new Float32Array(3 + input.data.length);
  message.set(input.data, 3);
  const view = { shape: [samples, ...sample], data: message.subarray(3) };
  const logits = threaded.evaluate(view);
  view.data.fill(NaN);
  expect(message).toHaveLength(3 + input.data.length);
  expect((await logits).data).toEqual((await threaded.evaluate(input)).data);
});

test('a tensor that is given takes the memory along that it came in', async () => {
  const { shape, data } = input;
  const logits = (await threaded.evaluate(input)).data;
  // As a message has them: a record's header of 16 bytes and a frame's of 48, then the values.
  const message = new Float32Array(16 + data.length);
  message.set(data, 16);
  // Who sent it has no use for the memory any more, and there is nothing to call over there.
  const release = (): void => expect.unreachable();
  const given = { shape, data: message.subarray(16), isGiven: true, release } as const;
  expect((await threaded.evaluate(given)).data).toEqual(logits);
  expect(message.buffer.byteLength).toBe(0);
  // Somebody else's bytes before it or behind it: they stay.
  for (const [before, behind] of [
    [17, 0],
    [16, 1],
  ] as const) {
    const shared = new Float32Array(before + data.length + behind);
    shared.set(data, before);
    const part = shared.subarray(before, before + data.length);
    expect((await threaded.evaluate({ shape, data: part, isGiven: true })).data).toEqual(logits);
    expect(shared).toHaveLength(before + data.length + behind);
  }
});

test("the engine's errors come back with name and message, and it goes on", async () => {
  const wrong = threaded.evaluate(normal([2, 64, 4, 5], 'wrong'));
  await expect(wrong).rejects.toMatchObject({
    name: 'ShapeError',
    message: 'evaluate: input: expected 2x64x4x4, got 2x64x4x5',
  });
  await expect(threaded.backward(5, null)).rejects.toMatchObject({ name: 'EngineOrderError' });
  await expect(threaded.evaluate(input)).resolves.toMatchObject({ shape: [2, 3] });
});

test('after dispose every call is refused', async () => {
  const engine = new ThreadedEngine({ numThreads: 1 });
  const loading = engine.load(spec);
  const disposing = engine.dispose();
  await loading;
  await disposing;
  await engine.dispose();
  await expect(engine.exportState()).rejects.toMatchObject({
    name: 'EngineThreadError',
    message: 'the engine was ended; start the run again from its checkpoint',
  });
});

test('when the thread ends, the calls that wait get a named error', async () => {
  const engine = new ThreadedEngine({ numThreads: 1 });
  await engine.load(spec);
  const pending = engine.load(spec);
  const ending = engine.terminate();
  await expect(pending).rejects.toMatchObject({ name: 'EngineThreadError' });
  await expect(engine.exportState()).rejects.toMatchObject({ name: 'EngineThreadError' });
  await ending;
});
