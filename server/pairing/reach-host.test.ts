import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { Certificates } from '../certificate/certificates';
import { startServer, type HostServer } from '../http/server';
import { HostIdentityError, reachHost, shortFingerprint } from './reach-host';

const code = 'kWJ5Y0R0qf1pXbq3mT8cVw';
let folder: string;
let certificates: Certificates;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-reach-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const names = { dns: ['localhost'], ip: ['127.0.0.1', '::1'] };
  certificates = new Certificates(join(folder, 'certificate'), () => names);
});

async function hostAt(port = 0): Promise<HostServer> {
  const host = await startServer('127.0.0.1', 0, { secure: { port, certificates } });
  onTestFinished(() => host.close());
  return host;
}

const reach = (link: string) => reachHost(new URL(link), join(folder, 'worker'));

test('on this computer a link leads to plain http', async () => {
  const found = await reach(`http://localhost:7070/#${code}`);
  expect(found).toEqual({ origin: 'http://localhost:7070', ca: undefined, code });
});

test('a host is who the link says, and the same the next time', async () => {
  const host = await hostAt();
  const { authority, secureUrl = '' } = host;
  if (!authority) throw new Error('expected an authority');
  const url = secureUrl.replace('localhost', '127.0.0.1');
  const named = await reach(`${url}#${code}.${shortFingerprint(authority)}`);
  const { origin } = new URL(url);
  expect(named).toEqual({ origin, ca: authority.toString(), code });
  expect(await reach(url)).toEqual({ origin, ca: authority.toString(), code: undefined });
  // One that it has not met, and that no link names, the system's authorities must vouch for.
  expect(await reach(secureUrl)).toMatchObject({ ca: undefined });
});

test('another host at the same address is refused', async () => {
  const first = await hostAt();
  const url = (first.secureUrl ?? '').replace('localhost', '127.0.0.1');
  if (!first.authority) throw new Error('expected an authority');
  await reach(`${url}#${code}.${shortFingerprint(first.authority)}`);
  await first.close();
  await certificates.remove();
  await hostAt(Number(new URL(url).port));
  await expect(reach(url)).rejects.toThrow(HostIdentityError);
  await expect(reach(url)).rejects.toThrow('when it was joined before');
  await expect(reach(`${url}#${code}.${'A'.repeat(22)}`)).rejects.toThrow('of the link (AAAAAAAA');
});
