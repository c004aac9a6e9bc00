import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Connection, silenceLimitMs } from './connection';
import { ProtocolError } from './error';
import type { WireTensor } from './frame';
import {
  parseHostMessage,
  parseWorkerMessage,
  type HostMessage,
  type WorkerMessage,
} from './message';
import type { Pieces } from './pieces';
import { manifestOf, stateFrames, StateReceiver } from './state-transfer';
import type { NamedTensors } from '../tensor';

/** One end: what it took, and how it ended. */
class End<Message> {
  readonly messages: Message[] = [];
  readonly tensors: WireTensor[] = [];
  closed: Error | undefined;
}

/** Two connections joined by two queues, in place of a cable. */
function pair() {
  const host = new End<WorkerMessage>();
  const worker = new End<HostMessage>();
  const toHost: (string | Pieces)[] = [];
  const toWorker: (string | Pieces)[] = [];
  const socket = (queue: (string | Pieces)[]) => ({
    sendText: (message: string) => void queue.push(message),
    sendBinary: (message: Pieces, sent: () => void) => {
      queue.push(message);
      sent();
    },
    bufferedAmount: () => 0,
    close: () => undefined,
  });
  const handlers = <Message>(end: End<Message>) => ({
    message: (message: Message) => void end.messages.push(message),
    tensor: (tensor: WireTensor) => void end.tensors.push(tensor),
    closed: (error: Error) => {
      end.closed = error;
    },
  });
  const hostSide = new Connection<HostMessage, WorkerMessage>(
    socket(toWorker),
    parseWorkerMessage,
    handlers(host),
  );
  const workerSide = new Connection<WorkerMessage, HostMessage>(
    socket(toHost),
    parseHostMessage,
    handlers(worker),
  );
  /** Moves everything across until both queues stay empty. */
  const run = (): void => {
    while (toHost.length + toWorker.length > 0) {
      for (const message of toHost.splice(0)) hostSide.receive(message);
      for (const message of toWorker.splice(0)) workerSide.receive(message);
    }
  };
  return { host, worker, hostSide, workerSide, run, toWorker };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('messages and tensors larger than every window arrive whole', async () => {
  const { hostSide, worker, run } = pair();
  const data = Float32Array.from({ length: 6_000_001 }, (_, index) => index % 8191);
  const sent = hostSide.sendTensor({
    kind: 'activation',
    step: 3,
    microBatch: 1,
    tensorId: 0,
    shape: [data.length],
    dtype: 'f32',
    data,
  });
  hostSide.send({ type: 'idle', why: 'lunch' });
  run();
  await sent;
  expect(worker.messages).toEqual([{ type: 'idle', why: 'lunch' }]);
  expect(worker.tensors).toHaveLength(1);
  expect(worker.tensors[0]).toMatchObject({ kind: 'activation', step: 3, microBatch: 1 });
  // Not toEqual: it takes half a minute over six million numbers.
  expect(worker.tensors[0]?.data.every((value, index) => value === data[index])).toBe(true);
  expect(worker.tensors[0]?.data).toHaveLength(data.length);
});

test('a state arrives by name through its manifest', () => {
  const { hostSide, worker, run } = pair();
  const state: NamedTensors = new Map([
    ['fc.weight', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ['fc.bias', { shape: [2], data: Float32Array.of(7, 8) }],
  ]);
  for (const tensor of stateFrames(state, 4)) void hostSide.sendTensor(tensor);
  run();
  const receiver = new StateReceiver(4, manifestOf(state));
  for (const tensor of worker.tensors) receiver.add(tensor);
  expect(receiver.isComplete).toBe(true);
  expect(receiver.state()).toEqual(state);
  expect(() => receiver.add(worker.tensors[0] as WireTensor)).toThrow(ProtocolError);
});

test('a message that the schema does not know closes the connection with the reason', () => {
  const { hostSide, host } = pair();
  hostSide.receive('{"type":"step-done","step":1,"results":[],"computeMs":-1}');
  expect(host.closed).toBeInstanceOf(ProtocolError);
  expect(host.closed?.message).toContain('computeMs');
  expect(hostSide.isOpen).toBe(false);
});

test('a worker may not grant credit that was never used', () => {
  const { hostSide, host } = pair();
  hostSide.receive('{"type":"credit","class":"bulk","bytes":1}');
  expect(host.closed).toBeInstanceOf(ProtocolError);
});

test('closing rejects a tensor that still waits for credit', async () => {
  const { hostSide, host } = pair();
  const data = new Float32Array(16 * 1024 * 1024);
  const sent = hostSide.sendTensor({
    kind: 'gradient',
    step: 1,
    microBatch: 0,
    tensorId: 0,
    shape: [data.length],
    dtype: 'f32',
    data,
  });
  hostSide.close(new Error('cable pulled'));
  await expect(sent).rejects.toThrow('cable pulled');
  expect(host.closed?.message).toBe('cable pulled');
});

test('heartbeats keep a connection; silence ends it', () => {
  const { hostSide, host, run, toWorker } = pair();
  vi.advanceTimersByTime(silenceLimitMs - 1);
  hostSide.beat();
  run();
  vi.advanceTimersByTime(silenceLimitMs - 1);
  hostSide.beat();
  expect(host.closed).toBeUndefined();
  toWorker.length = 0;
  vi.advanceTimersByTime(silenceLimitMs + 1);
  hostSide.beat();
  expect(host.closed?.message).toMatch(/nothing was heard for \d+ s/);
});
