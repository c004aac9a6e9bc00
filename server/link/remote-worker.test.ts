import { expect, test } from 'vitest';
import { buildResNet } from '../../runtime/model/resnet';
import { planStage } from '../../runtime/pipeline/assignment';
import { stateShapesOf } from '../../runtime/pipeline/stage-state';
import { Connection } from '../../runtime/protocol/connection';
import type { FrameKind, WireTensor } from '../../runtime/protocol/frame';
import {
  parseHostMessage,
  parseWorkerMessage,
  protocolVersion,
  type HostMessage,
  type StageAssignment,
  type WorkerMessage,
} from '../../runtime/protocol/message';
import type { Pieces } from '../../runtime/protocol/pieces';
import { manifestOf, stateFrames } from '../../runtime/protocol/state-transfer';
import { elementCount, zeros, type NamedTensors, type Shape } from '../../runtime/tensor';
import { RemoteWorker } from './remote-worker';
import { WorkerLostError } from './worker-lost';
import { WorkerPool } from './worker-pool';

const model = { architecture: 'resnet20', numClasses: 4, stem: 'cifar' } as const;
const names = buildResNet(model).units.map(({ name }) => name);
const hidden: Shape = [2, 64, 8, 8];

/** Stage 1 of 3: one block; or stage 2 of 3: the head. Two micro-batches of two samples. */
function assignmentOf(which: 'middle' | 'last'): StageAssignment {
  const unit = names.at(which === 'last' ? -1 : -2) ?? '';
  return {
    index: which === 'last' ? 2 : 1,
    numStages: 3,
    model,
    firstUnit: unit,
    lastUnit: unit,
    inputShape: hidden.slice(1),
    microBatchSize: 2,
    numMicroBatches: 2,
    maxInFlight: 2,
    labelSmoothing: 0,
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
  };
}

function stateOf(assignment: StageAssignment): NamedTensors {
  const shapes = stateShapesOf(planStage(assignment).spec);
  return new Map([...shapes].map(([name, shape]) => [name, zeros(shape)]));
}

/** A host's worker, and the other end of its connection, which says what a test makes it say. */
function join(limitMs = 60_000, instance = 'x') {
  let host: Connection<HostMessage, WorkerMessage> | undefined = undefined;
  const asked: HostMessage[] = [];
  const across = (to: () => { receive(data: string | Pieces): void } | undefined) => {
    const send = (data: string | Pieces, sent?: () => void): void =>
      queueMicrotask(() => {
        to()?.receive(data);
        sent?.();
      });
    return { sendText: send, sendBinary: send, bufferedAmount: () => 0, close: () => undefined };
  };
  const liar = new Connection<WorkerMessage, HostMessage>(
    across(() => host),
    parseHostMessage,
    {
      message: (message) => void asked.push(message),
      tensor: () => undefined,
      closed: () => undefined,
    },
  );
  const hostSide = new Connection<HostMessage, WorkerMessage>(
    across(() => liar),
    parseWorkerMessage,
    {
      message: (message) => worker.take(message),
      tensor: (tensor) => worker.takeTensor(tensor),
      closed: (error) => worker.lose(error.message),
    },
  );
  host = hostSide;
  const hello = { type: 'hello', protocol: protocolVersion, engine: 'cpu' } as const;
  const limits = {
    prepareMs: limitMs,
    loadMs: limitMs,
    stepMs: limitMs,
    evaluateMs: limitMs,
    exportMs: limitMs,
  };
  const worker = new RemoteWorker(
    '7',
    { ...hello, device: 'liar', agent: '', instance },
    hostSide,
    limits,
  );
  const say = (message: WorkerMessage): void => liar.send(message);
  const send = (kind: FrameKind, step: number, microBatch: number, shape: Shape): void => {
    const data = new Float32Array(elementCount(shape));
    const tensor: WireTensor = { kind, step, microBatch, tensorId: 0, shape, dtype: 'f32', data };
    liar.sendTensor(tensor).catch(() => undefined);
  };
  const planAsked = async (): Promise<number> => {
    await settled();
    return asked.reduce((plan, message) => (message.type === 'prepare' ? message.plan : plan), -1);
  };
  return { worker, liar, asked, say, send, planAsked };
}

/** Lets everything that is under way across the pair arrive. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** A worker with its stage loaded. */
async function loaded(which: 'middle' | 'last', limitMs?: number) {
  const pair = join(limitMs);
  const assignment = assignmentOf(which);
  const prepared = pair.worker.prepare(assignment);
  const plan = await pair.planAsked();
  pair.say({ type: 'prepared', plan, memoryBytes: 1 });
  expect(await prepared).toBe(1);
  const ready = pair.worker.load(stateOf(assignment), 0, 9);
  pair.say({ type: 'ready', plan });
  await ready;
  return { ...pair, assignment, plan };
}

type Loaded = Awaited<ReturnType<typeof loaded>>;

const stepDone = (step: number, count: number): WorkerMessage => ({
  type: 'step-done',
  step,
  results: Array.from({ length: count }, () => ({ loss: 1, correct: 1 })),
  computeMs: 1,
});

/** Everything that a stage sends for step 1. */
function sendStep({ send, say }: Loaded, which: 'middle' | 'last'): void {
  for (const microBatch of [0, 1]) {
    if (which === 'middle') send('activation', 1, microBatch, hidden);
    send('gradient', 1, microBatch, hidden);
  }
  say(stepDone(1, which === 'last' ? 2 : 0));
}

const request = { step: 1, actions: [], learningRate: 0.1 };

/** Expects that both the call and the worker end with WorkerLostError of this text. */
async function expectLost(worker: RemoteWorker, call: Promise<unknown>, text: string | RegExp) {
  const error = await call.then(
    () => worker.gone,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WorkerLostError);
  expect(error).toHaveProperty('message', expect.stringMatching(text));
  expect(await worker.gone).toBe(error);
  expect(worker.isConnected).toBe(false);
}

test.each(['middle', 'last'] as const)('an honest %s stage is believed', async (which) => {
  const pair = await loaded(which);
  const { worker, say, liar, assignment } = pair;
  const kinds: string[] = [];
  worker.onSend = ({ kind, microBatch }) => void kinds.push(`${kind} ${microBatch}`);
  const done = worker.step(request);
  sendStep(pair, which);
  expect((await done).results).toHaveLength(which === 'last' ? 2 : 0);
  expect(kinds).toHaveLength(which === 'last' ? 2 : 4);

  const state = stateOf(assignment);
  const exported = worker.exportState(1);
  say({ type: 'state', step: 1, manifest: manifestOf(state) });
  for (const tensor of stateFrames(state, 1)) void liar.sendTensor(tensor);
  expect(await exported).toEqual(state);

  const evaluated = worker.evaluate(1, 1);
  pair.send('output', 1, 0, which === 'last' ? [2, 4] : hidden);
  await evaluated;
  expect(worker.isConnected).toBe(true);
});

test('a step is done once its tensors have come, even when step-done overtook them', async () => {
  const { worker, say, send } = await loaded('last');
  let isDone = false;
  const done = worker.step(request).then(() => (isDone = true));
  send('gradient', 1, 0, hidden);
  say(stepDone(1, 2));
  await settled();
  expect(isDone).toBe(false);
  send('gradient', 1, 1, hidden);
  expect(await done).toBe(true);
});

test('what a stage still sends after it was taken away is dropped until the next one', async () => {
  const { worker, say, send, planAsked, plan } = await loaded('last');
  const step = worker.step(request);
  worker.abort(new Error('another stage failed'));
  await expect(step).rejects.toThrow('another stage failed');
  say(stepDone(1, 2));
  send('gradient', 1, 0, hidden);
  const prepared = worker.prepare(assignmentOf('middle'));
  say({ type: 'ready', plan });
  say({ type: 'prepared', plan: await planAsked(), memoryBytes: 5 });
  expect(await prepared).toBe(5);
  expect(worker.isConnected).toBe(true);
  say(stepDone(1, 2));
  expect((await worker.gone).message).toMatch('expected no step-done, got step-done of step 1');
});

test.each<[string, 'middle' | 'last', (pair: Loaded) => void, RegExp]>([
  [
    'step-done of another step',
    'last',
    ({ say }) => say(stepDone(9, 2)),
    /expected step-done of step 1, got step-done of step 9/,
  ],
  [
    'a second step-done',
    'last',
    ({ say }) => {
      say(stepDone(1, 2));
      say(stepDone(1, 2));
    },
    /expected no step-done, got step-done of step 1/,
  ],
  [
    'no results at the last stage',
    'last',
    ({ say }) => say(stepDone(1, 0)),
    /expected 2 results of stage .*, got 0/,
  ],
  ['a result too many', 'last', ({ say }) => say(stepDone(1, 3)), /expected 2 results .* got 3/],
  [
    'results in the middle',
    'middle',
    ({ say }) => say(stepDone(1, 2)),
    /expected 0 results of stage .*, got 2/,
  ],
  [
    'a micro-batch out of range',
    'last',
    ({ send }) => send('gradient', 1, 2, hidden),
    /micro-batches 0 to 1, got gradient of step 1, micro-batch 2/,
  ],
  [
    'a gradient of another step',
    'last',
    ({ send }) => send('gradient', 2, 0, hidden),
    /expected gradient of step 1.*got gradient of step 2, micro-batch 0/,
  ],
  [
    'a gradient twice',
    'last',
    ({ send }) => {
      send('gradient', 1, 0, hidden);
      send('gradient', 1, 0, hidden);
    },
    /expected one gradient of step 1, micro-batch 0, got a second/,
  ],
  [
    'an activation of the last stage',
    'last',
    ({ send }) => send('activation', 1, 0, hidden),
    /expected gradient of step 1, .*got activation/,
  ],
  [
    'an output while training',
    'last',
    ({ send }) => send('output', 1, 0, [2, 4]),
    /expected gradient of step 1, .*got output/,
  ],
  [
    'a wrong shape',
    'middle',
    ({ send }) => send('activation', 1, 1, [2, 64, 4, 16]),
    /stage .*, step 1, micro-batch 1: activation: expected 2x64x8x8, got 2x64x4x16/,
  ],
  [
    'state that nobody asked for',
    'last',
    ({ say }) => say({ type: 'state', step: 1, manifest: [] }),
    /expected no state, got state/,
  ],
  ['ready twice', 'last', ({ say, plan }) => say({ type: 'ready', plan }), /expected no ready/],
  [
    'prepared twice',
    'last',
    ({ say, plan }) => say({ type: 'prepared', plan, memoryBytes: 1 }),
    /expected no prepared/,
  ],
])('in a step: %s ends the worker', async (_name, which, lie, text) => {
  const pair = await loaded(which);
  const step = pair.worker.step(request);
  lie(pair);
  await expectLost(pair.worker, step, text);
});

test.each<[string, (state: NamedTensors) => { step?: number; state?: NamedTensors }, RegExp]>([
  [
    'a tensor is missing',
    (state) => ({ state: new Map([...state].slice(1)) }),
    /state of step 1: expected \d+ tensors, got \d+, without '/,
  ],
  [
    'a tensor is not known',
    (state) => ({ state: new Map([...state, ['x', zeros([1])]]) }),
    /got also a 'x' \(1\)/,
  ],
  [
    'a shape is wrong',
    (state) => ({ state: new Map([...state].map(([name]) => [name, zeros([3])])) }),
    /state of step 1: '.*': expected .*, got 3/,
  ],
  ['the step is wrong', () => ({ step: 2 }), /expected state of step 1, got state of step 2/],
  ['it is empty', () => ({ state: new Map() }), /expected \d+ tensors, got 0, without/],
])('an exported state ends the worker when %s', async (_name, lie, text) => {
  const { worker, say, assignment } = await loaded('middle');
  const exported = worker.exportState(1);
  const whole = stateOf(assignment);
  const { step = 1, state = whole } = lie(whole);
  say({ type: 'state', step, manifest: manifestOf(state) });
  await expectLost(worker, exported, text);
});

test('logits of a wrong shape end the worker', async () => {
  const { worker, send } = await loaded('last');
  const evaluated = worker.evaluate(3, 2);
  send('output', 3, 1, [4, 2]);
  await expectLost(worker, evaluated, /step 3, micro-batch 1: output: expected 2x4, got 4x2/);
});

test('an output after the evaluation ends the worker', async () => {
  const { worker, send } = await loaded('last');
  const evaluated = worker.evaluate(3, 1);
  send('output', 3, 0, [2, 4]);
  send('output', 3, 0, [2, 4]);
  await expectLost(worker, evaluated, /expected one output of step 3, micro-batch 0, got a second/);
});

test('a tensor before any command ends the worker', async () => {
  const { worker, send } = await loaded('last');
  send('gradient', 1, 0, hidden);
  await expectLost(worker, worker.gone, /expected no tensor, got gradient of step 1/);
});

test('a worker that never prepares is lost', async () => {
  const { worker } = join(20);
  const text = /it was to prepare stage .*, and neither an answer nor data came for 0.02 s/;
  await expectLost(worker, worker.prepare(assignmentOf('last')), text);
});

test('a worker that is never ready is lost', async () => {
  const { worker, say, planAsked } = join(50);
  const prepared = worker.prepare(assignmentOf('last'));
  say({ type: 'prepared', plan: await planAsked(), memoryBytes: 1 });
  await prepared;
  await expectLost(
    worker,
    worker.load(stateOf(assignmentOf('last')), 0, 9),
    /it was to load the state/,
  );
});

test.each<[string, (pair: Loaded) => Promise<unknown>, RegExp]>([
  ['step', ({ worker }) => worker.step(request), /it was to take step 1, /],
  [
    'step whose gradients do not come',
    ({ worker, say }) => {
      const done = worker.step(request);
      say(stepDone(1, 2));
      return done;
    },
    /it was to take step 1, /,
  ],
  ['evaluation', ({ worker }) => worker.evaluate(4, 2), /evaluate 2 micro-batches after step 4, /],
  ['export', ({ worker }) => worker.exportState(4), /send its state after step 4, /],
])('a worker that is silent in a %s is lost', async (_name, call, text) => {
  const pair = await loaded('last', 50);
  await expectLost(pair.worker, call(pair), text);
});

test('a worker that comes back over another connection is one worker', async () => {
  const pool = new WorkerPool();
  const gone: string[] = [];
  pool.onGone = (worker, { hadStage }) => void gone.push(`${worker.instance} ${hadStage}`);
  const before = await loaded('last');
  const other = join(60_000, 'y');
  pool.add(before.worker);
  pool.add(other.worker);
  const step = before.worker.step(request);
  const again = join();
  pool.add(again.worker);
  await expectLost(before.worker, step, /it came back over another connection/);
  await settled();
  expect(pool.workers).toEqual([other.worker, again.worker]);
  expect(gone).toEqual(['x true']);
});
