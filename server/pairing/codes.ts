import { randomBytes } from 'node:crypto';

/** What became of a code that a device shows. */
export type CodeVerdict =
  | { readonly kind: 'good'; readonly remembers: boolean }
  | { readonly kind: 'used' | 'expired' | 'unknown' };

interface Code {
  readonly expiresAt: number;
  readonly remembers: boolean;
  isUsed: boolean;
}

/** Long enough to install a certificate on a phone first. */
const lifetimeMs = 3_600_000;

/** One-time codes of 128 random bits; they live in this process alone. */
export class PairingCodes {
  readonly #codes = new Map<string, Code>();
  readonly #now: () => number;

  constructor(now = (): number => Date.now()) {
    this.#now = now;
  }

  /** @param remembers whether the device that shows it may come back without one */
  mint(remembers = true): string {
    const code = randomBytes(16).toString('base64url');
    const expiresAt = this.#now() + lifetimeMs;
    this.#codes.set(code, { expiresAt, remembers, isUsed: false });
    return code;
  }

  /** Takes a code: good once, and within its hour. */
  take(text: string): CodeVerdict {
    const code = this.#codes.get(text);
    if (!code) return { kind: 'unknown' };
    if (code.isUsed) return { kind: 'used' };
    if (this.#now() > code.expiresAt) return { kind: 'expired' };
    code.isUsed = true;
    return { kind: 'good', remembers: code.remembers };
  }

  /** Whether a device could still show it. */
  isOpen(text: string): boolean {
    const code = this.#codes.get(text);
    return code !== undefined && !code.isUsed && this.#now() <= code.expiresAt;
  }
}
