import { WebSocket } from 'ws';
import { beatIntervalMs, ConnectionClosedError } from '../../runtime/protocol/connection';
import { maxFrameBytes } from '../../runtime/protocol/frame';
import type { WorkerStatus } from '../../runtime/worker/status';
import { PipelineWorker } from '../../runtime/worker/worker';
import { ThreadedEngine } from '../engine/threaded-engine';
import { bytesOf, socketOf } from '../link/accept-worker';
import { UsageError } from './usage-error';

export interface WorkerCommandOptions {
  readonly threads?: number;
}

/** The host could not be reached, or went away before the run was over. */
export class HostGoneError extends Error {
  override readonly name = 'HostGoneError';
}

/** `tandem worker`: joins a host from Node and computes on the CPU until the run is over. */
export async function worker(url: string, { threads }: WorkerCommandOptions): Promise<void> {
  const engine = new ThreadedEngine(threads === undefined ? {} : { numThreads: threads });
  try {
    await computeFor(workerUrl(url), engine);
  } finally {
    await engine.dispose();
  }
}

/** `http://host:7070/` to `ws://host:7070/worker` */
function workerUrl(url: string): URL {
  if (!URL.canParse(url) || !/^(https?|wss?):/.test(url)) {
    throw new UsageError(
      `expected the URL that the host printed, such as http://localhost:7070/, got '${url}'`,
    );
  }
  return new URL('/worker', url.replace(/^http/, 'ws'));
}

function computeFor(url: URL, engine: ThreadedEngine): Promise<void> {
  return new Promise((resolve, reject) => {
    const pipelineWorker = new PipelineWorker({
      engine,
      agent: `tandem worker, Node ${process.version}`,
      onStatus: say,
    });
    const webSocket = new WebSocket(url, { perMessageDeflate: false, maxPayload: maxFrameBytes });
    let heart: NodeJS.Timeout | undefined;
    const leave = (): void => pipelineWorker.leave('stopped at its terminal');
    process.once('SIGINT', leave).once('SIGTERM', leave);
    const end = (error: Error): void => {
      clearInterval(heart);
      process.off('SIGINT', leave).off('SIGTERM', leave);
      if (pipelineWorker.hasEnded) resolve();
      else reject(new HostGoneError(`${url.host}: ${error.message}`));
    };
    webSocket.on('open', () => {
      const connection = pipelineWorker.join(
        socketOf(webSocket, () => connection.pump()),
        end,
      );
      heart = setInterval(() => connection.beat(), beatIntervalMs);
      webSocket.on('message', (data, isBinary) => {
        const bytes = bytesOf(data);
        connection.receive(isBinary ? bytes : Buffer.from(bytes).toString('utf8'));
      });
      webSocket.on('close', () => {
        connection.close(new ConnectionClosedError('the host closed the connection'));
      });
    });
    webSocket.on('error', end);
  });
}

function say(status: WorkerStatus): void {
  switch (status.state) {
    case 'waiting':
      process.stderr.write(`Waiting: ${status.why}\n`);
      break;
    case 'loading':
      if (status.receivedBytes === 0) process.stderr.write(`Loading ${status.units}\n`);
      break;
    case 'training':
      process.stderr.write(`Training ${status.units}: step ${status.step}\n`);
      break;
    case 'finished':
      process.stderr.write(`${status.message}\n`);
      break;
    case 'failed':
      process.stderr.write(`Failed (${status.reason}): ${status.detail}\n`);
      break;
    case 'connecting':
    case 'evaluating':
      break;
  }
}
