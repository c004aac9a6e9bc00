import { afterEach, expect, test, vi } from 'vitest';
import { dawnFixture } from '../../server/engine/dawn-fixture';
import { initialize } from '../model/initialize';
import { normal64 } from '../reference/finite-difference';
import { toFloat32 } from '../reference/tensor64';
import { WebGpuEngine } from './engine';
import { lastUnits } from './last-units-fixture';
import { layOutStage } from './stage-layout';
import type { SubmitLimits } from './submit-size';

const fixture = dawnFixture();
const spec = lastUnits(3, 5, 3);
const inputs = [1, 2].map((seed) => toFloat32(normal64([2, 64, 5, 3], seed)));
const labels = Int32Array.of(3, 7);

const whole: SubmitLimits = { dispatches: Infinity, ms: Infinity };

async function loaded(limits: SubmitLimits): Promise<WebGpuEngine> {
  const engine = new WebGpuEngine(
    { device: fixture.device, description: 'Dawn' },
    undefined,
    limits,
  );
  await engine.load(spec);
  await engine.importState(initialize(spec.units, 3));
  return engine;
}

/** Two steps of two micro-batches, all calls made at once. */
async function train(engine: WebGpuEngine): Promise<unknown> {
  const results: Promise<unknown>[] = [];
  for (const step of [1, 2]) {
    inputs.forEach((input, microBatch) => {
      results.push(engine.forwardLoss(microBatch, input, labels));
    });
    results.push(engine.backward(0, null), engine.backwardInput(1, null));
    results.push(engine.backwardWeight(1));
    results.push(engine.applyOptimizer({ learningRate: 0.1, step }));
  }
  return Promise.all(results);
}

/** Counts what is submitted, and how much of it the GPU has before it. */
function watchSubmits() {
  const { queue } = fixture.device;
  const watched = { submits: 0, inFlight: 0, mostInFlight: 0, onSubmit: (): void => undefined };
  let ended = 0;
  const submit = queue.submit.bind(queue);
  const workDone = queue.onSubmittedWorkDone.bind(queue);
  vi.spyOn(queue, 'submit').mockImplementation((buffers) => {
    watched.submits++;
    watched.inFlight = watched.submits - ended;
    watched.mostInFlight = Math.max(watched.mostInFlight, watched.inFlight);
    submit(buffers);
    watched.onSubmit();
  });
  vi.spyOn(queue, 'onSubmittedWorkDone').mockImplementation(async () => {
    const submitted = watched.submits;
    await workDone();
    ended = Math.max(ended, submitted);
    watched.inFlight = watched.submits - ended;
    return undefined;
  });
  return watched;
}

afterEach(() => {
  vi.restoreAllMocks();
});

test('a call in many submits computes the same, bit for bit, two of them in flight at most', async () => {
  const one = await loaded(whole);
  const expected = await train(one);
  const trained = await one.exportState();
  await one.dispose();

  const many = await loaded({ dispatches: 3, ms: Infinity });
  const watched = watchSubmits();
  const { plan } = layOutStage(spec, 2 ** 28);
  await many.forwardLoss(0, inputs[0] ?? fail(), labels);
  const dispatches = plan.forward.length + plan.forwardLoss.length;
  expect(watched.submits).toBe(Math.ceil(dispatches / 3));
  await many.backward(0, null);
  await many.importState(initialize(spec.units, 3));
  watched.mostInFlight = 0;
  expect(await train(many)).toEqual(expected);
  expect(watched.mostInFlight).toBe(2);
  expect(await many.exportState()).toEqual(trained);
  await many.dispose();
});

test('a paused engine submits nothing, not even the rest of a call, and goes on as if it had not been', async () => {
  const engine = await loaded({ dispatches: 1, ms: Infinity });
  const expected = await engine.forwardLoss(0, inputs[0] ?? fail(), labels);
  await engine.importState(initialize(spec.units, 3));

  const watched = watchSubmits();
  engine.pause();
  const result = engine.forwardLoss(0, inputs[0] ?? fail(), labels);
  await quiet();
  expect(watched.submits).toBe(0);

  watched.onSubmit = () => {
    if (watched.submits === 4) engine.pause();
  };
  engine.resume();
  await quiet();
  expect(watched.submits).toBe(4);

  engine.resume();
  expect(await result).toEqual(expected);
  expect(watched.submits).toBeGreaterThan(4);

  engine.pause();
  const state = engine.exportState();
  const before = watched.submits;
  await quiet();
  expect(watched.submits).toBe(before);
  engine.resume();
  expect((await state).size).toBeGreaterThan(0);
  await engine.dispose();
});

/** Time enough for everything that does not wait. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 200));
}

function fail(): never {
  throw new Error('there are two inputs');
}
