import { expect, test } from 'vitest';
import { initialize } from '../model/initialize';
import { buildResNet } from '../model/resnet';
import type { Connection } from '../protocol/connection';
import { encodeFrame } from '../protocol/frame';
import type { HostMessage, StageAssignment, WorkerMessage } from '../protocol/message';
import { manifestOf, stateFrames } from '../protocol/state-transfer';
import { ReferenceEngine } from '../reference/engine';
import type { NamedTensors } from '../tensor';
import type { WorkerStatus } from './status';
import { PipelineWorker } from './worker';

const model = { architecture: 'resnet20', numClasses: 2, stem: 'cifar' } as const;
const stage: StageAssignment = {
  index: 1,
  numStages: 2,
  model,
  firstUnit: 'head',
  lastUnit: 'head',
  inputShape: [64, 2, 2],
  microBatchSize: 2,
  numMicroBatches: 1,
  maxInFlight: 1,
  labelSmoothing: 0,
  optimizer: { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
};
const state = initialize(
  buildResNet(model).units.filter(({ name }) => name === 'head'),
  0,
);

/** Takes its time: what the stage does ends when the test says so. */
class SlowEngine extends ReferenceEngine {
  wait: Promise<void> = Promise.resolve();

  override async importState(tensors: NamedTensors): Promise<void> {
    await this.wait;
    return super.importState(tensors);
  }

  override async exportState(): Promise<NamedTensors> {
    await this.wait;
    return super.exportState();
  }
}

/** The host's end, as the worker sees it. */
interface Host {
  readonly connection: Connection<WorkerMessage, HostMessage>;
  /** Types of the messages that the worker sent, and `frame` for each binary one. */
  readonly got: string[];
  say(message: HostMessage): void;
  /** Sends the state's tensors from one place in its list to another. */
  sendState(from: number, to: number): void;
}

function join(worker: PipelineWorker): Host {
  const got: string[] = [];
  const connection = worker.join(
    {
      sendText: (text) => void got.push((JSON.parse(text) as WorkerMessage).type),
      sendBinary: (_, sent) => {
        got.push('frame');
        sent();
      },
      bufferedAmount: () => 0,
      close: () => undefined,
    },
    () => undefined,
  );
  return {
    connection,
    got,
    say: (message) => connection.receive(JSON.stringify(message)),
    sendState: (from, to) => {
      for (const { data, ...tensor } of [...stateFrames(state, 0)].slice(from, to)) {
        const payload = Uint8Array.from(
          new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        );
        connection.receive(encodeFrame({ ...tensor, byteOffset: 0, payload }));
      }
    },
  };
}

const load = {
  type: 'load',
  plan: 1,
  step: 0,
  totalSteps: 9,
  manifest: manifestOf(state),
} as const;

/** Lets everything go on that waits for nothing but its turn. */
async function turns(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

function slowWorker(): { worker: PipelineWorker; engine: SlowEngine; statuses: WorkerStatus[] } {
  const engine = new SlowEngine();
  const statuses: WorkerStatus[] = [];
  const onStatus = (status: WorkerStatus): void => void statuses.push(status);
  const worker = new PipelineWorker({ engine, agent: 'test', instance: 'a worker', onStatus });
  return { worker, engine, statuses };
}

test('a stage is prepared, loaded and copied', async () => {
  const { worker } = slowWorker();
  const host = join(worker);
  host.say({ type: 'prepare', plan: 1, stage });
  host.say(load);
  host.sendState(0, 2);
  host.say({ type: 'export', step: 0 });
  await turns();
  expect(host.got).toEqual(['hello', 'prepared', 'ready', 'state', 'frame', 'frame']);
});

test.each([['load'], ['export']] as const)(
  'what a stage was asked for over a connection that broke is answered over no other: %s',
  async (what) => {
    const { worker, engine } = slowWorker();
    const first = join(worker);
    first.say({ type: 'prepare', plan: 1, stage });
    first.say(load);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    if (what === 'export') {
      first.sendState(0, 2);
      await turns();
      engine.wait = held;
      first.say({ type: 'export', step: 0 });
    } else {
      engine.wait = held;
      first.sendState(0, 2);
    }
    await turns();
    first.connection.close(new Error('the cable was pulled'));
    const second = join(worker);
    release();
    await turns();
    expect(second.got).toEqual(['hello']);
    expect(second.connection.isOpen).toBe(true);
    expect(worker.hasEnded).toBe(false);
  },
);

test('tensors of a stage that was taken away while they were on their way are dropped', async () => {
  const { worker, statuses } = slowWorker();
  const host = join(worker);
  host.say({ type: 'prepare', plan: 1, stage });
  await turns();
  host.say(load);
  host.sendState(0, 1);
  host.say({ type: 'idle', why: 'Another device of this run went away.' });
  host.sendState(1, 2);
  await turns();
  expect(host.connection.isOpen).toBe(true);
  expect(statuses.at(-1)).toMatchObject({ state: 'waiting' });
  // A stage that it is given after that is whole.
  host.say({ type: 'prepare', plan: 2, stage });
  await turns();
  host.say({ ...load, plan: 2 });
  host.sendState(0, 2);
  await turns();
  expect(host.got).toEqual(['hello', 'prepared', 'prepared', 'ready']);
});
