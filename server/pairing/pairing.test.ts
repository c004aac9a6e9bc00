import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { codeOf, statement, type Proof } from '../../runtime/pairing/proof';
import { PairingCodes } from './codes';
import { nodeIdentity } from './device-key';
import { Devices } from './devices';
import { Pairing } from './pairing';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
let folder: string;
let now: number;
let devices: Devices;
let pairing: Pairing;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-pairing-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  now = 1e12;
  devices = new Devices(folder, () => now);
  pairing = new Pairing(devices, new PairingCodes(() => now));
});

interface Phone {
  prove(nonce: string, code?: string): Proof;
}

function newPhone(namedCurve = 'P-256'): Phone {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  const key = publicKey.export({ format: 'der', type: 'spki' }).toString('base64url');
  return {
    prove: (nonce, code) => ({
      key,
      signature: signed(privateKey, statement(nonce, code)),
      ...(code === undefined ? {} : { code }),
    }),
  };
}

function signed(key: KeyObject, data: Uint8Array): string {
  return sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

async function admit(phone: Phone, code?: string): Promise<string> {
  const nonce = pairing.challenge();
  const admission = await pairing.admit(nonce, phone.prove(nonce, code), 'a phone');
  return admission.kind === 'refused' ? admission.reason : admission.kind;
}

test('a code lets one device in, which then comes back by its key', async () => {
  const phone = newPhone();
  const code = pairing.codes.mint();
  expect(await admit(phone)).toBe('not-paired');
  expect(await admit(phone, code)).toBe('admitted');
  expect(await admit(phone)).toBe('admitted');
  expect(await admit(newPhone(), code)).toBe('code-expired');
  expect(await admit(newPhone())).toBe('not-paired');
  // The host was restarted: keys last, codes don't.
  pairing = new Pairing(devices, new PairingCodes(() => now));
  expect(await admit(phone, code)).toBe('admitted');
  expect(await admit(newPhone(), code)).toBe('not-paired');
});

test('a device that is known wastes no code', async () => {
  const phone = newPhone();
  await admit(phone, pairing.codes.mint());
  const next = pairing.codes.mint();
  expect(await admit(phone, next)).toBe('admitted');
  expect(pairing.codes.isOpen(next)).toBe(true);
  expect(await admit(newPhone(), next)).toBe('admitted');
});

test('a code lasts an hour', async () => {
  const code = pairing.codes.mint();
  now += hourMs + 1;
  expect(await admit(newPhone(), code)).toBe('code-expired');
  const other = pairing.codes.mint();
  now += hourMs;
  expect(await admit(newPhone(), other)).toBe('admitted');
});

test('a device that was away for 90 days needs a new code', async () => {
  const phone = newPhone();
  await admit(phone, pairing.codes.mint());
  now += 89 * dayMs;
  expect(await admit(phone)).toBe('admitted');
  now += 90 * dayMs;
  expect(await admit(phone)).toBe('admitted');
  now += 90 * dayMs + 1;
  expect(await admit(phone)).toBe('not-paired');
});

test('a proof is good for its own challenge, key and code alone', async () => {
  const phone = newPhone();
  const code = pairing.codes.mint();
  const nonce = pairing.challenge();
  const proof = phone.prove(nonce, code);
  const bad: readonly [string, Proof][] = [
    [pairing.challenge(), proof],
    [nonce, { ...proof, key: newPhone().prove(nonce).key }],
    [nonce, { ...proof, code: pairing.codes.mint() }],
    [nonce, { key: proof.key, signature: proof.signature }],
    [nonce, { ...proof, signature: proof.signature.slice(0, 40) }],
    [nonce, { ...proof, signature: 'AAAA' }],
    [nonce, { ...proof, key: 'AAAA' }],
    [nonce, newPhone('P-384').prove(nonce, code)],
  ];
  for (const [asked, forged] of bad) {
    expect(await pairing.admit(asked, forged, '')).toMatchObject({ reason: 'not-paired' });
  }
  expect(pairing.codes.isOpen(code)).toBe(true);
  expect(await pairing.admit(nonce, proof, '')).toMatchObject({ kind: 'admitted', isNew: true });
});

test('a guest is let in again while the host lives, and leaves nothing behind', async () => {
  const guest = newPhone();
  expect(await admit(guest, pairing.codes.mint(false))).toBe('admitted');
  expect(await admit(guest)).toBe('admitted');
  expect(await devices.list()).toEqual([]);
  pairing = new Pairing(devices);
  expect(await admit(guest)).toBe('not-paired');
});

test('devices are listed with name and times, for this user alone, and can be revoked', async () => {
  const [first, second] = [newPhone(), newPhone()];
  await admit(first, pairing.codes.mint());
  now += dayMs;
  await admit(second, pairing.codes.mint());
  await admit(first);
  const listed = await devices.list();
  expect(listed.map(({ name, pairedAt, lastSeenAt }) => [name, pairedAt, lastSeenAt])).toEqual([
    ['a phone', 1e12, 1e12 + dayMs],
    ['a phone', 1e12 + dayMs, 1e12 + dayMs],
  ]);
  if (process.platform !== 'win32') {
    expect((await stat(devices.path)).mode & 0o777).toBe(0o600);
  }
  const [firstId] = listed.map(({ id }) => id);
  expect(await devices.revoke(({ id }) => id === firstId)).toMatchObject([{ id: firstId }]);
  expect(await admit(first)).toBe('not-paired');
  expect(await admit(second)).toBe('admitted');
});

test('a device that is revoked while it is here is dropped, and no other', async () => {
  vi.useFakeTimers({ toFake: ['setInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const dropped: string[] = [];
  for (const [name, remembers] of [
    ['kept', true],
    ['revoked', true],
    ['guest', false],
  ] as const) {
    const nonce = pairing.challenge();
    const proof = newPhone().prove(nonce, pairing.codes.mint(remembers));
    const admission = await pairing.admit(nonce, proof, name);
    if (admission.kind === 'admitted') pairing.watch(admission.device, () => dropped.push(name));
  }
  await devices.revoke(({ name }) => name === 'revoked');
  vi.advanceTimersByTime(2_000);
  await vi.waitFor(() => expect(dropped).toEqual(['revoked']));
});

test('devices that pair at once are all kept', async () => {
  const phones = Array.from({ length: 8 }, () => newPhone());
  const verdicts = await Promise.all(phones.map((phone) => admit(phone, pairing.codes.mint())));
  expect(new Set(verdicts)).toEqual(new Set(['admitted']));
  expect(await devices.list()).toHaveLength(8);
});

test('a file that is no list of devices is named', async () => {
  await writeFile(devices.path, '{"devices":[{}]}');
  await expect(devices.list()).rejects.toThrow(
    `${devices.path}: expected a list of paired devices`,
  );
});

test('a Node worker keeps its key, 0600, and is known by it', async () => {
  const prove = async (code?: string): Promise<string> => {
    const identity = await nodeIdentity(code, folder);
    const nonce = pairing.challenge();
    const admission = await pairing.admit(nonce, await identity.prove(nonce), 'a computer');
    return admission.kind;
  };
  expect(await prove()).toBe('refused');
  expect(await prove(pairing.codes.mint())).toBe('admitted');
  expect(await prove()).toBe('admitted');
  const { mode } = await stat(join(folder, 'device-key.pem'));
  if (process.platform !== 'win32') expect(mode & 0o777).toBe(0o600);
});

test('the example of the protocol page is a valid proof', async () => {
  const page = await readFile(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/^```json [a-z ]+\n(.*?)^```$/gms)].map(
    ([, text = '']) => JSON.parse(text) as { type: string },
  );
  const { nonce } = examples.find(({ type }) => type === 'challenge') as unknown as {
    nonce: string;
  };
  const proof = examples.find(({ type }) => type === 'prove') as unknown as Proof;
  const own = { take: () => ({ kind: 'good', remembers: false }) } as unknown as PairingCodes;
  expect(await new Pairing(devices, own).admit(nonce, proof, '')).toMatchObject({
    kind: 'admitted',
  });
});

test('the code is what stands in a link’s fragment', () => {
  const code = pairing.codes.mint();
  expect(codeOf(`#${code}`)).toBe(code);
  expect(codeOf(`#${code}.fingerprint`)).toBe(code);
  for (const fragment of ['', '#', '#short', `#${code}x`]) expect(codeOf(fragment)).toBeUndefined();
});
