import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { StageEngine, StageSpec } from '../../runtime/engine';
import { buildResNet } from '../../runtime/model/resnet';
import { joinHost, type JoinedHost } from '../../runtime/worker/join-host';
import type { WorkerStatus } from '../../runtime/worker/status';
import { PipelineWorker } from '../../runtime/worker/worker';
import { chooseEngine, type EngineOptions } from '../engine/choose-engine';
import { nodePlatform } from '../link/node-platform';
import type { DeviceIdentity } from '../../runtime/pairing/proof';
import { nodeIdentity } from '../pairing/device-key';
import { HostIdentityError, reachHost, type HostAddress } from '../pairing/reach-host';
import { printJson, say } from './output';
import { UsageError } from './usage-error';

const stopped = 'stopped at its terminal';
/** Between two tries to reach a host that is gone, and how long it is tried. */
const retryMs = 2_000;
const patienceMs = 60_000;

export interface WorkerCommandOptions extends EngineOptions {
  readonly json: boolean;
}

/** The host could not be reached, or went away before the run was over. */
export class HostGoneError extends Error {
  override readonly name = 'HostGoneError';
}

/** The host refused this worker, or its engine failed. */
export class WorkerFailedError extends Error {
  override readonly name = 'WorkerFailedError';
}

/** The line that `tandem worker --json` ends with. */
interface WorkerResult {
  /** Steps of the run that were done when this worker saw it last. */
  readonly steps: number;
  readonly device: string;
  /** Why it ended, in words. */
  readonly ended: string;
}

/** `tandem worker`: joins a host from Node and computes until the run is over. */
export async function worker(url: string, options: WorkerCommandOptions): Promise<void> {
  const link = linkOf(url);
  const host = await reachHost(link).catch((error: unknown) => {
    if (error instanceof HostIdentityError) throw error;
    throw new HostGoneError(
      `${link.host}: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  const identity = await nodeIdentity(host.code);
  const engine = await chooseEngine(options, likelyStage(), say);
  try {
    const result = await computeFor(host, identity, engine);
    if (options.json) printJson(result);
  } finally {
    await engine.dispose();
  }
}

/** Which stage it will be is said by the host later; engines are measured on a block of ResNet-34. */
function likelyStage(): StageSpec {
  const { units } = buildResNet({ architecture: 'resnet34', numClasses: 1000, stem: 'imagenet' });
  return {
    units: units.filter(({ name }) => name === 'layer3.1'),
    inputShape: [256, 14, 14],
    microBatchSize: 16,
    numMicroBatches: 1,
    maxInFlight: 1,
    needsInputGradient: true,
    optimizer: { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
  };
}

function linkOf(url: string): URL {
  if (!URL.canParse(url) || !/^(https?|wss?):/.test(url)) {
    throw new UsageError(
      `expected the URL that the host printed, such as http://localhost:7070/#CODE, got '${url}'`,
    );
  }
  return new URL(url);
}

/** How a link to the host ended. */
interface LinkEnd {
  readonly error: Error;
  /** Whether it had been open. */
  readonly hadJoined: boolean;
}

async function computeFor(
  { origin, ca }: HostAddress,
  identity: DeviceIdentity,
  engine: StageEngine,
): Promise<WorkerResult> {
  const { host: name } = new URL(origin);
  let status: WorkerStatus | undefined;
  let steps = 0;
  const pipelineWorker = new PipelineWorker({
    engine,
    agent: `tandem worker, Node ${process.version}`,
    instance: randomUUID(),
    identity,
    onStatus: (now) => {
      status = now;
      if (now.state === 'training') steps = now.step;
      tell(now);
    },
  });
  const platform = nodePlatform(ca === undefined ? {} : { ca });
  let host: JoinedHost | undefined;
  const leaving = new AbortController();
  const leave = (): void => {
    pipelineWorker.leave(stopped);
    // Before it is open, no connection tells of the end.
    host?.close();
    leaving.abort();
  };
  process.once('SIGINT', leave).once('SIGTERM', leave);
  const result = (): WorkerResult => {
    const ended = status?.state === 'finished' ? status.message : stopped;
    return { steps, device: engine.device, ended };
  };
  try {
    for (let lostAt: number | undefined; ;) {
      const { error, hadJoined } = await new Promise<LinkEnd>((end) => {
        const ended = { hadJoined: false };
        host = joinHost(origin, pipelineWorker, platform, {
          joined: () => (ended.hadJoined = true),
          lost: (reason) => end({ ...ended, error: reason }),
        });
      });
      if (status?.state === 'failed') {
        const { detail, reason } = status;
        const remedy = ['not-paired', 'code-expired'].includes(reason)
          ? '; give the link that Tandem shows there now'
          : '';
        throw new WorkerFailedError(`${detail} (${reason})${remedy}`);
      }
      if (pipelineWorker.hasEnded) return result();
      if (hadJoined) lostAt = Date.now();
      if (lostAt === undefined || Date.now() - lostAt > patienceMs) {
        throw new HostGoneError(`${name}: ${error.message}`);
      }
      say(`${name}: ${error.message}; trying again`);
      await pause(retryMs, undefined, { signal: leaving.signal }).catch(() => undefined);
      if (leaving.signal.aborted) return result();
    }
  } finally {
    process.off('SIGINT', leave).off('SIGTERM', leave);
  }
}

function tell(status: WorkerStatus): void {
  switch (status.state) {
    case 'waiting':
      say(`Waiting: ${status.why}`);
      break;
    case 'loading':
      if (status.receivedBytes === 0) say(`Loading ${status.units}`);
      break;
    case 'training':
      say(`Training ${status.units}: step ${status.step}`);
      break;
    case 'finished':
      say(status.message);
      break;
    // The command ends with it as its error.
    case 'failed':
    case 'connecting':
    case 'evaluating':
      break;
  }
}
