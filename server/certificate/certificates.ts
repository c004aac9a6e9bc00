import { createPrivateKey, X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { homeFolder } from '../home/folder';
import { createPrivate, readPrivate, writePrivate } from '../home/private-file';
import type { KeyedCertificate } from './issue';
import { hostNames, type HostNames } from './names';

/** What is kept of a certificate does not fit together. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** What a TLS server presents. */
export interface TlsIdentity {
  /** The server's certificate, then the authority's. */
  readonly cert: string;
  readonly key: string;
}

/** A certificate that ends sooner is replaced by a fresh one. */
const renewalMs = 30 * 86_400_000;

/**
 * The authority and the server's certificate, in the user's data folder. A phone that trusts the
 * authority trusts every certificate of the server: it is reissued as addresses come.
 */
export class Certificates {
  /** Where they are kept. */
  readonly folder: string;
  readonly #names: () => HostNames;

  constructor(
    folder = join(homeFolder(), 'certificate'),
    names = (): HostNames => hostNames(networkInterfaces(), hostname()),
  ) {
    this.folder = folder;
    this.#names = names;
  }

  /** By what this computer may be called at the moment. */
  get names(): HostNames {
    return this.#names();
  }

  get #authorityPath(): string {
    return join(this.folder, 'authority.pem');
  }

  get #leafPath(): string {
    return join(this.folder, 'server.pem');
  }

  /** The authority's certificate where there is one; throws CertificateError for a broken file. */
  async authority(): Promise<X509Certificate | undefined> {
    const kept = await this.#keptAuthority();
    return kept && new X509Certificate(kept.certificate);
  }

  /** The server's last certificate where there is one. */
  async leaf(): Promise<X509Certificate | undefined> {
    const text = await readPrivate(this.#leafPath);
    const kept = text === undefined ? undefined : split(text);
    return kept && new X509Certificate(kept.certificate);
  }

  /**
   * A certificate for all names of this computer, and the authority's behind it; makes what is
   * missing, too old or for fewer names. Throws CertificateError and HomeError.
   */
  async identity(now = new Date()): Promise<TlsIdentity> {
    const authority = await this.#ensureAuthority(now);
    const names = this.names;
    const text = await readPrivate(this.#leafPath);
    let leaf = text === undefined ? undefined : split(text);
    if (!leaf || !serves(leaf, authority, names, now)) {
      const { issueLeaf } = await import('./issue');
      leaf = await issueLeaf(authority, names, now);
      await writePrivate(this.#leafPath, pemOf(leaf));
    }
    return { cert: `${leaf.certificate}\n${authority.certificate}\n`, key: leaf.key };
  }

  /** Forgets authority and certificates; whether there were any. */
  async remove(): Promise<boolean> {
    const there = (await readPrivate(this.#authorityPath)) !== undefined;
    for (const path of [this.#leafPath, this.#authorityPath]) await rm(path, { force: true });
    return there;
  }

  async #ensureAuthority(now: Date): Promise<KeyedCertificate> {
    const kept = await this.#keptAuthority();
    if (kept) return kept;
    const { issueAuthority } = await import('./issue');
    const fresh = await issueAuthority(hostname(), now);
    if (await createPrivate(this.#authorityPath, pemOf(fresh))) return fresh;
    // Another process was first.
    return this.#ensureAuthority(now);
  }

  async #keptAuthority(): Promise<KeyedCertificate | undefined> {
    const text = await readPrivate(this.#authorityPath);
    if (text === undefined) return undefined;
    const kept = split(text);
    if (kept && new X509Certificate(kept.certificate).checkPrivateKey(createPrivateKey(kept.key))) {
      return kept;
    }
    throw new CertificateError(
      `${this.#authorityPath}: expected a certificate and its private key, got something else; "tandem certificate remove" makes room for fresh ones`,
    );
  }
}

/** Whether a server can present it: ours, for all names, and neither too young nor too old. */
function serves(
  { certificate, key }: KeyedCertificate,
  authority: KeyedCertificate,
  { dns, ip }: HostNames,
  now: Date,
): boolean {
  const leaf = new X509Certificate(certificate);
  return (
    leaf.verify(new X509Certificate(authority.certificate).publicKey) &&
    leaf.checkPrivateKey(createPrivateKey(key)) &&
    new Date(leaf.validFrom) <= now &&
    new Date(leaf.validTo).getTime() - now.getTime() > renewalMs &&
    dns.every((name) => leaf.checkHost(name) !== undefined) &&
    ip.every((address) => leaf.checkIP(address) !== undefined)
  );
}

/** One file holds both, so that no moment has one without the other. */
function pemOf({ certificate, key }: KeyedCertificate): string {
  return `${certificate}\n${key}\n`;
}

function split(text: string): KeyedCertificate | undefined {
  const block = (label: string): string | undefined =>
    new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0];
  const certificate = block('CERTIFICATE');
  const key = block('PRIVATE KEY');
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

/** What phones list it as: `Tandem on desk`. */
export function authorityName({ subject }: X509Certificate): string {
  const [, name = 'Tandem'] = /CN=(.*)/.exec(subject) ?? [];
  // Node gives it with backslashes before what would end it in a list.
  return name.replaceAll(/\\(.)/g, '$1');
}
