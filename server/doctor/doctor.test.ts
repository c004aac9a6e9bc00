import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Certificates } from '../certificate/certificates';
import { findings, type Facts, type Finding } from './findings';
import { certificateFacts } from './gather';

const now = new Date('2026-06-01T12:00:00Z');
const cable = {
  interface: 'enx0',
  address: '172.20.10.2',
  kind: 'iphone-cable',
  words: 'USB cable to iPhone',
  isSelfAssigned: false,
} as const;
const healthy: Facts = {
  platform: 'linux',
  links: [cable],
  ports: [{ port: 7070, use: 'free' }],
  certificate: {
    state: 'there',
    authorityFrom: new Date('2026-01-01'),
    authorityTo: new Date('2036-01-01'),
    serverTo: new Date('2027-01-01'),
    missing: [],
  },
  now,
  browser: { name: 'Chrome' },
};

function about(subject: Finding['about'], change: Partial<Facts> = {}): readonly Finding[] {
  return findings({ ...healthy, ...change }).filter((finding) => finding.about === subject);
}

test('a healthy computer has nothing to look at', () => {
  expect(findings(healthy).filter(({ state }) => state !== 'good')).toEqual([]);
  expect(about('certificate')[0]?.text).toContain(
    'until 2036-01-01, the server’s until 2027-01-01',
  );
});

test('each thing that is wrong is named, with what to do', () => {
  expect(about('interfaces', { links: [] })).toMatchObject([
    { state: 'bad', remedy: expect.stringContaining('Personal Hotspot') as unknown },
  ]);
  const wifi = { ...cable, kind: 'wifi', words: 'Wi-Fi' } as const;
  expect(about('interfaces', { links: [wifi] })).toMatchObject([
    { state: 'good' },
    { state: 'warning', text: 'No cable to an iPhone.' },
  ]);
  const alone = { ...cable, address: '169.254.1.2', isSelfAssigned: true };
  expect(about('interfaces', { links: [alone] })).toMatchObject([{ state: 'warning' }]);
  expect(about('ports', { ports: [{ port: 7070, use: 'another' }] })).toMatchObject([
    { state: 'warning', remedy: expect.stringContaining('--https-port') as unknown },
  ]);
  const { certificate } = healthy;
  const ended = { ...certificate, authorityTo: new Date('2026-05-01') } as typeof certificate;
  expect(about('certificate', { certificate: ended })).toMatchObject([
    { state: 'bad', remedy: expect.stringContaining('certificate remove') as unknown },
  ]);
  const young = { ...certificate, authorityFrom: new Date('2026-07-01') } as typeof certificate;
  expect(about('clock', { certificate: young })).toMatchObject([{ state: 'bad' }]);
  expect(about('browser', { browser: { missing: 'nothing found' } })).toMatchObject([
    { state: 'warning', text: 'None for --headless-worker: nothing found' },
  ]);
  expect(about('firewall', { platform: 'darwin' })[0]?.remedy).toContain('System Settings');
});

test('it reads the certificate that is there, and says for which addresses it is not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-doctor-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  let ip = ['127.0.0.1'];
  const certificates = new Certificates(folder, () => ({ dns: ['localhost'], ip }));
  expect(await certificateFacts(certificates)).toEqual({ state: 'none' });
  await certificates.identity();
  expect(await certificateFacts(certificates)).toMatchObject({ state: 'there', missing: [] });
  ip = ['127.0.0.1', '172.20.10.2'];
  expect(await certificateFacts(certificates)).toMatchObject({ missing: ['172.20.10.2'] });
  await writeFile(join(folder, 'authority.pem'), 'nothing');
  expect(await certificateFacts(certificates)).toMatchObject({ state: 'broken' });
});
