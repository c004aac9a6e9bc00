import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type PeerCertificate } from 'node:tls';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { CertificateError, Certificates, type TlsIdentity } from './certificates';
import type { HostNames } from './names';

const dayMs = 86_400_000;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-certificate-'));
  onTestFinished(() => rm(folder, { recursive: true }));
});

function named(...ip: readonly string[]): HostNames {
  return { dns: ['localhost', 'desk', 'desk.local'], ip: ['127.0.0.1', '::1', ...ip] };
}

/** What a client that trusts `ca` alone sees of a server that presents `identity`. */
async function shakeHands(
  identity: TlsIdentity,
  ca: string,
  name: string,
): Promise<PeerCertificate> {
  const server = createServer(identity, (socket) => socket.end());
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const socket = connect({ port, ca, host: '127.0.0.1', checkServerIdentity: () => undefined });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      const certificate = socket.getPeerCertificate();
      const leaf = new X509Certificate(certificate.raw);
      const fits = /[:.]\d/.test(name) ? leaf.checkIP(name) : leaf.checkHost(name);
      socket.destroy();
      if (fits === undefined) reject(new Error(`not for ${name}`));
      else resolve(certificate);
    });
  });
}

async function authorityPem(certificates: Certificates): Promise<string> {
  return (await certificates.authority())?.toString() ?? '';
}

test('who trusts the authority trusts the server by each of its names', async () => {
  const certificates = new Certificates(folder, () => named('172.20.10.2', 'fd00::7'));
  const identity = await certificates.identity();
  const ca = await authorityPem(certificates);
  const names = ['localhost', 'desk.local', '127.0.0.1', '::1', '172.20.10.2', 'fd00::7'];
  for (const name of names) await shakeHands(identity, ca, name);
  await expect(shakeHands(identity, ca, '172.20.10.3')).rejects.toThrow('not for 172.20.10.3');
  const other = new Certificates(join(folder, 'other'), () => named());
  await other.identity();
  const foreign = await authorityPem(other);
  await expect(shakeHands(identity, foreign, 'localhost')).rejects.toThrow(/certificate/);
});

test('it is what iOS asks for: P-256, SHA-256, serverAuth alone, under 825 days', async () => {
  const certificates = new Certificates(folder, () => named());
  const { cert } = await certificates.identity();
  const leaf = new X509Certificate(cert);
  expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(leaf.ca).toBe(false);
  const days = (new Date(leaf.validTo).getTime() - new Date(leaf.validFrom).getTime()) / dayMs;
  expect(days).toBe(397);
  const authority = await certificates.authority();
  expect(authority?.ca).toBe(true);
  expect(authority?.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
  // ecdsa-with-SHA256, as DER.
  const oid = Buffer.from('06082a8648ce3d040302', 'hex');
  expect(leaf.raw.includes(oid)).toBe(true);
  expect(authority?.raw.includes(oid)).toBe(true);
});

test('the keys are for this user alone, and nothing else is left behind', async () => {
  await new Certificates(folder, () => named()).identity();
  expect((await readdir(folder)).toSorted()).toEqual(['authority.pem', 'server.pem']);
  if (process.platform === 'win32') return;
  for (const file of ['authority.pem', 'server.pem']) {
    expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
  }
});

test('a new address brings a new certificate under the same authority', async () => {
  let names = named('192.168.1.5');
  const certificates = new Certificates(folder, () => names);
  const first = await certificates.identity();
  const ca = await authorityPem(certificates);
  expect(await certificates.identity()).toEqual(first);
  names = named('172.20.10.2');
  const second = await certificates.identity();
  expect(second.key).not.toBe(first.key);
  await shakeHands(second, ca, '172.20.10.2');
  names = named();
  expect(await certificates.identity()).toEqual(second);
});

test('a certificate is renewed 30 days before its end, not sooner', async () => {
  const certificates = new Certificates(folder, () => named());
  const { cert } = await certificates.identity();
  const end = new Date(new X509Certificate(cert).validTo).getTime();
  expect((await certificates.identity(new Date(end - 31 * dayMs))).cert).toBe(cert);
  const later = new Date(end - 29 * dayMs);
  const renewed = new X509Certificate((await certificates.identity(later)).cert);
  expect(new Date(renewed.validTo).getTime()).toBeGreaterThan(end);
});

test('processes that start at once share one authority', async () => {
  const many = Array.from({ length: 8 }, () => new Certificates(folder, () => named()));
  const identities = await Promise.all(many.map((certificates) => certificates.identity()));
  const authorities = new Set(identities.map(({ cert }) => cert.split('-----END')[1]));
  expect(authorities.size).toBe(1);
});

test('a broken authority is named, with what to do; removing it makes room', async () => {
  const certificates = new Certificates(folder, () => named());
  expect(await certificates.remove()).toBe(false);
  await certificates.identity();
  const path = join(folder, 'authority.pem');
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.slice(0, 300));
  await expect(certificates.identity()).rejects.toThrow(CertificateError);
  await expect(certificates.identity()).rejects.toThrow('tandem certificate remove');
  expect(await certificates.remove()).toBe(true);
  expect(await readdir(folder)).toEqual([]);
  await certificates.identity();
  expect(await readFile(path, 'utf8')).not.toBe(whole);
});
