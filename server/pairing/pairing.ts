import { createHash, createPublicKey, randomBytes, verify, type KeyObject } from 'node:crypto';
import { statement, type Proof } from '../../runtime/pairing/proof';
import type { FailureReason } from '../../runtime/worker/status';
import { PairingCodes } from './codes';
import { Devices } from './devices';

/** Whether a device may join. */
export type Admission =
  | { readonly kind: 'admitted'; readonly device: string; readonly isNew: boolean }
  | { readonly kind: 'refused'; readonly reason: FailureReason; readonly message: string };

/** How often the devices that are here are looked up again: one may have been revoked. */
const revocationCheckMs = 2_000;

/** Lets in whom a person invited, and who was let in before. */
export class Pairing {
  /** Called when a code was used: the next device needs another. */
  onPaired: (name: string) => void = () => undefined;
  readonly codes: PairingCodes;
  readonly #devices: Devices;
  /** Devices of codes that leave nothing behind: their keys are good while this process lives. */
  readonly #guests = new Set<string>();
  readonly #here = new Map<() => void, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(devices = new Devices(), codes = new PairingCodes()) {
    this.#devices = devices;
    this.codes = codes;
  }

  /** A fresh challenge: 256 random bits, good for one connection. */
  challenge(): string {
    return randomBytes(32).toString('base64url');
  }

  /**
   * Decides on the proof that came for `nonce`: the signature first, then a known key, then the
   * code. A known device needs none, and wastes none.
   */
  async admit(nonce: string, { key, signature, code }: Proof, name: string): Promise<Admission> {
    const publicKey = parseKey(key);
    if (!publicKey || !isSigned(publicKey, signature, statement(nonce, code))) {
      return refused('not-paired', 'its proof is not valid');
    }
    const id = deviceId(key);
    if (this.#guests.has(id)) return { kind: 'admitted', device: id, isNew: false };
    if (await this.#devices.find(id)) {
      await this.#devices.touch(id);
      return { kind: 'admitted', device: id, isNew: false };
    }
    if (code === undefined)
      return refused('not-paired', 'it brought no code, and is not known here');
    const verdict = this.codes.take(code);
    switch (verdict.kind) {
      case 'used':
        return refused('code-expired', 'its code has been used');
      case 'expired':
        return refused('code-expired', 'its code is more than an hour old');
      case 'unknown':
        return refused('not-paired', 'its code is none of this run');
      case 'good':
        if (verdict.remembers) {
          await this.#devices.keep(id, name, key);
          this.onPaired(name);
        } else this.#guests.add(id);
        return { kind: 'admitted', device: id, isNew: true };
    }
  }

  /**
   * Calls `drop` when the device is revoked while it is here.
   * @returns to be called when it goes
   */
  watch(device: string, drop: () => void): () => void {
    this.#here.set(drop, device);
    this.#timer ??= setInterval(() => void this.#dropRevoked(), revocationCheckMs).unref();
    return () => {
      this.#here.delete(drop);
      if (this.#here.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  async #dropRevoked(): Promise<void> {
    const known = new Set((await this.#devices.list().catch(() => [])).map(({ id }) => id));
    for (const [drop, device] of this.#here) {
      if (!known.has(device) && !this.#guests.has(device)) drop();
    }
  }
}

/** A device's name in lists and commands: the first 64 bits of its key's SHA-256. */
function deviceId(key: string): string {
  return createHash('sha256').update(Buffer.from(key, 'base64url')).digest('hex').slice(0, 16);
}

function refused(reason: FailureReason, message: string): Admission {
  return { kind: 'refused', reason, message };
}

function parseKey(key: string): KeyObject | undefined {
  try {
    const parsed = createPublicKey({
      key: Buffer.from(key, 'base64url'),
      format: 'der',
      type: 'spki',
    });
    return parsed.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isSigned(key: KeyObject, signature: string, data: Uint8Array): boolean {
  const bytes = Buffer.from(signature, 'base64url');
  return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, bytes);
}
