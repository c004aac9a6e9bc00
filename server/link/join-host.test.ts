import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { ReferenceEngine } from '../../runtime/reference/engine';
import { joinHost, type JoinedHost } from '../../runtime/worker/join-host';
import { PipelineWorker } from '../../runtime/worker/worker';
import { startServer } from '../http/server';
import { nodePlatform } from './node-platform';

test('a link that ends when it has just been opened is told of at once, not after its silence', async () => {
  const host = await startServer('127.0.0.1', 0);
  onTestFinished(() => host.close());
  const worker = new PipelineWorker({
    engine: new ReferenceEngine(),
    agent: 'test',
    instance: randomUUID(),
    onStatus: () => undefined,
  });
  let hasJoined = false;
  const lost = await new Promise<Error>((resolve) => {
    const joined: JoinedHost = joinHost(new URL(host.url).origin, worker, nodePlatform(), {
      // Said within the opening: nothing is on the link yet.
      transport: () => joined.close(),
      joined: () => (hasJoined = true),
      lost: resolve,
    });
  });
  expect(lost.message).toBe('closed by the worker');
  expect(hasJoined).toBe(false);
}, 10_000);
