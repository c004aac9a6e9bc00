import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emptyFolder, lastJson, runTandem, startTandem } from './run-tandem';

/** The commands that look after keys, paired devices and the certificate. */

const none = 'There is no certificate yet; Tandem makes one when it first serves other devices.\n';
const removal = `Removed. On each phone that trusted it, take it away as well:
  iPhone, iPad: Settings > General > VPN & Device Management > Tandem > Remove Profile
  Android: Settings > Security > Encryption & credentials > User credentials
The next start makes a fresh certificate, which phones must be told to trust anew.
`;

test('before the first run there is no certificate and no device', async () => {
  const folder = await emptyFolder();
  const shown = await runTandem(folder, 'certificate', 'show', '--json');
  expect(shown).toMatchObject({ code: 0, stderr: none });
  expect(lastJson(shown)).toEqual({
    folder: join(`${folder}.home`, 'certificate'),
    authority: null,
    server: null,
  });
  const listed = await runTandem(folder, 'devices', '--json');
  expect(listed).toEqual({
    code: 0,
    stdout: '{"devices":[]}\n',
    stderr: 'No device is paired.\n',
  });
  expect(await runTandem(folder, 'devices', 'revoke', '--all')).toEqual({
    code: 0,
    stdout: '',
    stderr: 'No device is paired.\n',
  });
  expect(await runTandem(folder, 'devices', 'revoke')).toEqual({
    code: 2,
    stdout: '',
    stderr: 'tandem: expected the id of a device, or --all\n',
  });
});

test('doctor looks at each subject, and fails where something is bad', async () => {
  const ended = await runTandem(await emptyFolder(), 'doctor', '--json');
  const { findings } = lastJson(ended) as { findings: { about: string; state: string }[] };
  expect([...new Set(findings.map(({ about }) => about))]).toEqual([
    'interfaces',
    'ports',
    'certificate',
    'clock',
    'firewall',
    'browser',
  ]);
  expect(ended.code).toBe(findings.some(({ state }) => state === 'bad') ? 1 : 0);
  expect(ended.stderr).toContain('ok   certificate None yet; the first run makes one.\n');
});

test('a run makes a certificate and pairs a worker; both can be taken back', async () => {
  const folder = await emptyFolder();
  const home = `${folder}.home`;
  const run = [
    ...['train', '--data', 'shapes', '--model', 'resnet20', '--batch', '8', '--micro-batch', '4'],
    ...['--steps', '1', '--cut', 'layer3.0', '--wait-for', '1', '--port', '0', '--https-port', '0'],
  ];
  const host = startTandem(folder, ...run);
  const [link] = await host.sees(/http:\/\/(?!localhost)[\d.]+:\d+\/#[\w-]{22}\.[\w-]{22}/);
  const worker = startTandem(folder, 'worker', link, '--threads', '1');
  expect((await host.ended).code).toBe(0);
  expect((await worker.ended).code).toBe(0);

  const files = ['certificate/authority.pem', 'certificate/server.pem', 'device-key.pem'];
  for (const file of [...files, 'devices.json']) {
    expect((await stat(join(home, file))).mode & 0o777, file).toBe(0o600);
  }

  const listed = await runTandem(folder, 'devices', '--json');
  const { devices } = lastJson(listed) as { devices: { id: string; name: string }[] };
  const [{ id, name } = { id: '', name: '' }] = devices;
  expect(devices).toHaveLength(1);
  expect(id).toMatch(/^[\da-f]{16}$/);
  expect(listed.code).toBe(0);
  expect(listed.stderr.replaceAll(/\d{4}-\d\d-\d\d/g, 'DAY')).toBe(
    `${id}  ${name}  paired DAY, seen DAY\n`,
  );
  expect(await runTandem(folder, 'devices', 'revoke', 'nobody')).toEqual({
    code: 2,
    stdout: '',
    stderr: `tandem: no paired device has the id 'nobody'; "tandem devices" lists them\n`,
  });
  const revoked = { code: 0, stdout: '', stderr: `Revoked: ${id}  ${name}\n` };
  expect(await runTandem(folder, 'devices', 'revoke', id)).toEqual(revoked);
  expect((await runTandem(folder, 'devices')).stderr).toBe('No device is paired.\n');

  const shown = await runTandem(folder, 'certificate', 'show', '--json');
  const certificate = lastJson(shown) as {
    authority: { fingerprint256: string };
    server: { names: string };
  };
  expect(shown.code).toBe(0);
  expect(shown.stderr).toContain(
    `\n  SHA-256 fingerprint ${certificate.authority.fingerprint256}\n`,
  );
  expect(certificate.server.names).toContain(`IP Address:${new URL(link).hostname}`);
  expect(shown.stderr).toContain(`\nServer: ${certificate.server.names}, until `);
  expect(shown.stderr).toContain(
    `\nKept in ${join(home, 'certificate')}; the keys never leave it.\n`,
  );

  const removed = await runTandem(folder, 'certificate', 'remove');
  expect(removed).toEqual({ code: 0, stdout: '', stderr: removal });
  expect(await readdir(join(home, 'certificate'))).toEqual([]);
  const again = await runTandem(folder, 'certificate', 'remove');
  expect(again).toEqual({ code: 0, stdout: '', stderr: 'There was no certificate to remove.\n' });
}, 120_000);
