import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { measureLink } from '../../runtime/bench/link';
import type { Link } from '../../runtime/bench/report';
import { startServer, type HostServer } from '../http/server';
import { nodeIdentity } from '../pairing/device-key';
import { Devices } from '../pairing/devices';
import { Pairing } from '../pairing/pairing';
import { nodePlatform } from './node-platform';

/* Who comes to have the link measured alone: let in as others are, and in no run. */

let folder: string;
let host: HostServer;
let pairing: Pairing;
let numJoined: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-visit-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  pairing = new Pairing(new Devices(folder));
  host = await startServer('127.0.0.1', 0, { pairing });
  onTestFinished(() => host.close());
  numJoined = 0;
  host.pool.onJoin = () => numJoined++;
});

async function measure(code?: string): Promise<Link> {
  const identity = await nodeIdentity(code, folder);
  const visitor = { device: 'a phone', agent: 'a browser', identity };
  return measureLink(new URL(host.url).origin, nodePlatform(), visitor);
}

test('a paired device measures every way, and joins nothing', async () => {
  // A run's choice is none of a measurement's.
  host.links.choice = 'websocket';
  const { ways, why } = await measure(pairing.codes.mint());
  expect(why).toBeUndefined();
  const same = ways.filter(({ down, up }) => down === up).map(({ down }) => down);
  expect(same).toEqual(['websocket', 'websockets', 'https', 'stream']);
  for (const { downBytesPerSecond, upBytesPerSecond } of ways) {
    expect(downBytesPerSecond).toBeGreaterThan(0);
    expect(upBytesPerSecond).toBeGreaterThan(0);
  }
  expect(ways.filter(({ chosen }) => chosen)).toHaveLength(1);
  expect(numJoined).toBe(0);
  // It is known now, and measures all again.
  expect((await measure()).ways.length).toBeGreaterThanOrEqual(3);
});

test('a device that is not paired is refused before anything is measured', async () => {
  expect(await measure()).toEqual({
    ways: [],
    why: 'it brought no code, and is not known here; open the page by the code that Tandem shows on the computer',
  });
  const code = pairing.codes.mint();
  expect((await measure('A'.repeat(22))).why).toContain('its code is none of this run');
  expect(pairing.codes.isOpen(code)).toBe(true);
  expect(numJoined).toBe(0);
});

test('a host that does not answer is named as that', async () => {
  await host.close();
  expect((await measure()).why).toMatch(/no WebSocket/);
});
